/* New test: the locustfile, the target, the load, who takes part and with what options; tried with
 * one user, checked by the master's own rules, and started. While a test runs it changes the load. */
import { useSignal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { say, source, store } from "../../app-state";
import { visible } from "../../lib/format";
import { go } from "../../lib/route";
import { recall, remember } from "../../lib/storage";
import { postJson, wrongFields, type Verdict } from "../../live/ask";
import { LoadForm } from "../../parts/load-form";
import { Classes } from "./classes";
import { chosenClasses, firstForm, rememberable, renewed, startFields, typedOptions, type TestForm } from "./form";
import { completed, hostMissing } from "./host";
import { GateCard } from "./gate-card";
import { LoadCard, TargetCard } from "./load-card";
import { Options } from "./options";
import { keepLast, lastForm } from "./presets";
import { loadScenarios } from "./scenarios";
import { loadScript, script, scriptTrouble, type Script } from "./script";
import { ScriptPanel } from "./script-card";
import { Side } from "./side";
import { TrialResult, type Trial } from "./trial";
import "../../style/newtest.css";

const CHECK_AFTER_MS = 400;

/** Why a start would be refused now; "" when it would not. */
function obstacle(of: Script, form: TestForm): string {
  if (source.link.value.kind !== "live") return "No connection to the master.";
  if (of.error !== null) return "The locustfile could not be loaded.";
  if (chosenClasses(form).length === 0) return "Choose at least one user class.";
  if (store.connectedWorkers.value > 0) return "";
  return store.run.value?.distributed ? "No worker is connected yet." : "The load generator is still starting.";
}

/** The first field that is wrong, in the order of the page. */
function focusWrong(form: HTMLElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus());
}

/** The values of the form. The locustfile is asked for when the screen opens, and may be loaded anew:
 * that renews them, but for what somebody has typed meanwhile. */
function useForm(of: Script): Signal<TestForm> {
  const first = useMemo(() => firstForm(store.run.peek(), of, lastForm(of.file)), [of]);
  const form = useSignal(first);
  const known = useRef(first);
  if (known.current !== first) {
    form.value = renewed(form.peek(), known.current, first, of);
    known.current = first;
  }
  return form;
}

function Form({ of }: { of: Script }): JSX.Element {
  const form = useForm(of);
  const verdict = useSignal<Verdict>({ ok: true });
  const busy = useSignal<"" | "start" | "try">("");
  const trial = useSignal<{ trial: Trial; userClass: string } | null>(null);
  const picked = useSignal("");
  const tried = (of.classes.find((one) => one.name === picked.value) ?? of.classes[0])?.name ?? "";
  const hasTried = useSignal(recall(`tried:${of.file}`) !== null);
  const isAsked = useSignal(false); // somebody wanted to begin: what is missing is an error now
  const box = useRef<HTMLFormElement>(null);
  const now = form.value;
  const why = obstacle(of, now);
  const missing = hostMissing(now, of, store.run.value?.distributed ?? false);
  const wrong = { ...wrongFields(verdict.value), ...(missing !== "" ? { host: missing } : {}) } as Record<string, string>;
  if (missing !== "" && !isAsked.value) delete wrong["host"];
  const blame = (field: string): string | undefined => wrong[field];
  const known = ["users", "spawn_rate", "run_time", "host", "shape_class", "user_classes", "class_settings", "thresholds", ...of.options.flatMap((o) => [o.name, `options.${o.name}`])];
  const others = Object.keys(wrong).filter((field) => !known.includes(field));
  const set = (part: Partial<TestForm>): void => {
    form.value = { ...form.peek(), ...part };
  };

  useEffect(() => {
    trial.value = null; // it was of another text
  }, [of.files.map((file) => file.sha256).join()]);
  useEffect(() => {
    const timer = setTimeout(() => {
      void postJson<Verdict>("check", startFields(now, of)).then((said) => {
        if (form.peek() === now) verdict.value = said;
      }).catch(() => undefined); // start will say it
    }, CHECK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [now]);

  async function refused(command: string, fields: object): Promise<boolean> {
    const said = await postJson<Verdict>(command, fields).catch((error: Error) => ({ ok: false, field: "", error: error.message }));
    verdict.value = said;
    if (!said.ok) focusWrong(box.current);
    return !said.ok;
  }

  /** Everything that is wrong is told, then the start is asked for. */
  async function start(event: Event): Promise<void> {
    event.preventDefault();
    isAsked.value = true;
    if (missing !== "") focusWrong(box.current);
    if (why !== "" || missing !== "" || busy.value !== "") return;
    busy.value = "start";
    const isRefused = (await refused("check", startFields(now, of))) || (await refused("start", startFields(now, of)));
    busy.value = "";
    if (isRefused) return;
    keepLast(of.file, rememberable(now, of));
    say("The test is starting.", true);
    go("live");
  }

  async function tryOne(): Promise<void> {
    isAsked.value = true;
    const isLost = of.classes.some((one) => one.name === tried && one.needs_host) && now.host.trim() === "";
    if (isLost) focusWrong(box.current);
    if (isLost && missing !== "") return;
    busy.value = "try";
    const body = { user_class: tried, host: completed(now.host), options: typedOptions(now, of) };
    const said = await postJson<Trial>("try", body).catch((error: Error) => ({ ok: false, error: error.message }));
    busy.value = "";
    trial.value = { trial: said, userClass: tried };
    hasTried.value = true;
    remember(`tried:${of.file}`, "1");
  }

  const card = { of, form: now, set, blame };
  return (
    <form class="new-test" noValidate ref={box} onSubmit={(event) => void start(event)}
      onKeyDown={(event) => { if (event.key === "Enter" && event.ctrlKey) void start(event); }}>
      <div class="new-test-main">
        <TargetCard {...card} />
        {trial.value !== null ? <TrialResult {...trial.value} /> : null}
        <LoadCard {...card} />
        <Classes script={of} form={now} blame={blame} onChange={(classes) => set({ classes })} />
        <Options options={of.options} values={now.options} blame={blame} onChange={(options) => set({ options })} />
        <GateCard form={now} set={set} error={blame("thresholds")} />
        {others.map((field) => <p class="callout fail" role="alert" key={field}>{visible(wrong[field]!)}</p>)}
      </div>
      <Side of={of} form={now} busy={busy.value} why={why} hasTried={hasTried.value} tried={tried} onClass={(name) => (picked.value = name)}
        onTry={() => void tryOne()} onForm={(chosen) => (form.value = chosen)} />
    </form>
  );
}

function Waiting(): JSX.Element {
  return (
    <section class="panel empty">
      {scriptTrouble.value !== "" ? <><p>{scriptTrouble.value}</p><button type="button" class="button" onClick={() => void loadScript()}>Try again</button></> : <p>Reading the locustfile…</p>}
    </section>
  );
}

export function NewTestScreen(): JSX.Element {
  const link = source.link.value.kind;
  const notice = store.run.value?.notice; // changes when the file is loaded anew, or could not be
  const plans = store.run.value?.plans ?? 0;
  useEffect(() => {
    if (link === "live") void loadScript();
  }, [link, notice]);
  const read = script.value;
  const scenarios = store.run.value?.scenarios ?? 0;
  const of = useMemo(() => (read === null ? null : { ...read, scenarios }), [read, scenarios]);
  useEffect(() => {
    if (link === "live") void loadScenarios(); // what is left open is fitted to the classes of the locustfile
  }, [link, read, plans]);
  if (store.isRunning.value || store.isEnding.value)
    return (
      <>
        <h1>Edit load</h1>
        <section class="panel start-panel">
          {store.isEnding.value ? <p class="note">The test is ending. The next one can be made then.</p> : <LoadForm onDone={() => go("live")} />}
        </section>
        {of !== null ? <ScriptPanel of={of} /> : null}
      </>
    );
  return (
    <>
      <h1>{store.hasRun.value ? "New test" : "Start a test"}</h1>
      {of === null ? <Waiting /> : (
        <>
          <ScriptPanel of={of} />
          <Form key={of.file} of={of} />
        </>
      )}
    </>
  );
}
