/* New test: the locustfile, the load, who takes part and with what options; tried with one user,
 * checked by the master's own rules, and started. While a test runs it changes the load. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { say, source, store } from "../../app-state";
import { count, timeOfDay, visible } from "../../lib/format";
import { go } from "../../lib/route";
import { postJson, type Verdict } from "../../live/ask";
import { Classes } from "./classes";
import { chosenClasses, commandLine, firstForm, isLoadFixed, rememberable, startFields, typedOptions, type TestForm } from "./form";
import { Options } from "./options";
import { planOf } from "./plan";
import { PlanPicture } from "./plan-picture";
import { dropPreset, keepLast, keepPreset, lastForm, presetsOf } from "./presets";
import { countTasks, loadScript, script, scriptTrouble, type Script } from "./script";
import { TrialResult, type Trial } from "./trial";
import { Field } from "../../parts/field";
import { Icon } from "../../parts/icons";
import { LoadForm } from "../../parts/load-form";

const CHECK_AFTER_MS = 400;

/** Why a start would be refused now; "" when it would not. */
function obstacle(of: Script, form: TestForm): string {
  if (source.link.value.kind !== "live") return "No connection to the master.";
  if (of.error !== null) return "The locustfile could not be loaded.";
  if (chosenClasses(form).length === 0) return "Choose at least one user class.";
  if (store.connectedWorkers.value > 0) return "";
  return store.run.value?.distributed ? "No worker is connected yet." : "The load generator is still starting.";
}

function ScriptPanel({ of }: { of: Script }): JSX.Element {
  const isShown = useSignal(false);
  const isBusy = useSignal(false);
  async function reload(): Promise<void> {
    isBusy.value = true;
    const verdict = await postJson<Verdict>("reload", {}).catch((error: Error) => ({ ok: false, error: error.message }));
    isBusy.value = false;
    await loadScript();
    say(verdict.ok ? "The locustfile was loaded anew." : "The locustfile could not be loaded.", verdict.ok);
    if (!verdict.ok && script.value !== null && script.value.error === null) scriptTrouble.value = verdict.error ?? "";
  }
  return (
    <section class="panel" aria-labelledby="script-head">
      <header class="panel-head">
        <h2 id="script-head">{visible(of.file)}{" "}
          <span class="unit">
            {count(of.classes.length)} {of.classes.length === 1 ? "user class" : "user classes"} · {count(countTasks(of.classes))} tasks
            {of.shape ? ` · shape ${visible(of.shape.name)}` : ""} · loaded {timeOfDay(of.loaded_at)}
          </span>
        </h2>
        {of.text !== null ? (
          <button type="button" class="button" aria-expanded={isShown.value} onClick={() => (isShown.value = !isShown.value)}>{isShown.value ? "Hide" : "View"}</button>
        ) : null}
        <button type="button" class="button" disabled={isBusy.value || store.isRunning.value} onClick={() => void reload()}
          title={store.isRunning.value ? "Not while a test runs" : "Read the file again"}>
          <Icon name="reset" />{isBusy.value ? "Loading…" : "Reload"}
        </button>
      </header>
      {of.error !== null ? <pre class="trace" tabIndex={0}>{visible(of.error)}</pre> : null}
      {scriptTrouble.value !== "" ? <pre class="trace" tabIndex={0}>{visible(scriptTrouble.value)}</pre> : null}
      {isShown.value && of.text !== null ? (
        <>
          <pre class="source" tabIndex={0} aria-label={`Source of ${of.file}`}>{visible(of.text)}</pre>
          <p class="note">SHA-256 <code>{of.sha256.slice(0, 16)}</code></p>
        </>
      ) : null}
    </section>
  );
}

function CommandLine({ text }: { text: string }): JSX.Element {
  return (
    <details class="command-line">
      <summary>As command line</summary>
      <pre tabIndex={0}>{visible(text)}</pre>
      <button type="button" class="button" onClick={() => void navigator.clipboard?.writeText(text).then(() => say("Copied.", true))}>Copy</button>
    </details>
  );
}

function Form({ of }: { of: Script }): JSX.Element {
  const form = useSignal<TestForm>(firstForm(store.run.peek(), of, lastForm(of.file)));
  const verdict = useSignal<Verdict>({ ok: true });
  const busy = useSignal<"" | "start" | "try">("");
  const trial = useSignal<{ trial: Trial; userClass: string } | null>(null);
  const presets = useSignal(presetsOf(of.file));
  const presetName = useSignal("");
  const tried = useSignal(of.classes[0]?.name ?? "");
  const now = form.value;
  const why = obstacle(of, now);
  const isFixed = isLoadFixed(of);
  const blame = (field: string): string | undefined => (verdict.value.field === field ? verdict.value.error : undefined);
  const known = ["users", "spawn_rate", "run_time", "host", "shape_class", "user_classes", "class_settings", ...of.options.flatMap((o) => [o.name, `options.${o.name}`])];
  const set = (part: Partial<TestForm>): void => {
    form.value = { ...now, ...part };
  };

  useEffect(() => {
    const timer = setTimeout(() => {
      void postJson<Verdict>("check", startFields(now, of)).then((said) => {
        if (form.peek() === now) verdict.value = said;
      }).catch(() => undefined); // start will say it
    }, CHECK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [now]);

  async function start(event: Event): Promise<void> {
    event.preventDefault();
    if (why !== "" || busy.value !== "") return;
    busy.value = "start";
    const said = await postJson<Verdict>("start", startFields(now, of)).catch((error: Error) => ({ ok: false, field: "", error: error.message }));
    busy.value = "";
    verdict.value = said;
    if (!said.ok) return;
    keepLast(of.file, rememberable(now, of));
    say("The test is starting.", true);
    go("live");
  }

  async function tryOne(): Promise<void> {
    busy.value = "try";
    const body = { user_class: tried.value, host: now.host.trim(), options: typedOptions(now, of) };
    const said = await postJson<Trial>("try", body).catch((error: Error) => ({ ok: false, error: error.message }));
    busy.value = "";
    trial.value = { trial: said, userClass: tried.value };
  }

  const names = Object.keys(presets.value);
  return (
    <form class="new-test" noValidate onSubmit={(event) => void start(event)}
      onKeyDown={(event) => { if (event.key === "Enter" && event.ctrlKey) void start(event); }}>
      <div class="new-test-main">
        <section class="panel load-form" aria-labelledby="load-head">
          <header class="panel-head"><h2 id="load-head">Load</h2></header>
          {of.shape !== null ? (
            <p class="callout info">The load shape {visible(of.shape.name)} decides about the users{of.shape.use_common_options ? " and reads the values below" : ""}.</p>
          ) : null}
          {of.shapes.length > 1 ? (
            <div class="field">
              <label for="shape">Load shape</label>
              <div class="input-box">
                <select id="shape" value={now.shape} onChange={(event) => set({ shape: event.currentTarget.value })}>
                  <option value="">{of.shape ? `as loaded: ${of.shape.name}` : "none"}</option>
                  {of.shapes.map((name) => <option key={name} value={name}>{visible(name)}</option>)}
                </select>
              </div>
              {blame("shape_class") ? <p class="note error" role="alert">{blame("shape_class")}</p> : null}
            </div>
          ) : null}
          <div class="field-pair">
            <Field label="Users" name="users" inputMode="numeric" value={now.users} hint="At the peak, at the same time." isDisabled={isFixed}
              isFocused={!isFixed} onInput={(users) => set({ users })} {...errorOf(blame("users"))} />
            <Field label="Spawn rate" name="spawn_rate" inputMode="decimal" suffix="per second" value={now.spawn_rate} hint="Users started per second."
              isDisabled={isFixed} onInput={(spawn_rate) => set({ spawn_rate })} {...errorOf(blame("spawn_rate"))} />
          </div>
          <PlanPicture plan={planOf(now, of)} />
          <div class="field-pair">
            <Field label="Host" name="host" inputMode="url" value={now.host} placeholder="https://shop.test"
              hint={of.classes.some((one) => one.host) ? "Overrides the hosts of the classes. Empty: they use their own." : "The start of every relative address."}
              onInput={(host) => set({ host })} {...errorOf(blame("host"))} />
            <Field label="Run time" name="run_time" value={now.run_time} placeholder="until stopped" hint="For example 90, 20s, 3m or 1h20m."
              onInput={(run_time) => set({ run_time })} {...errorOf(blame("run_time"))} />
          </div>
        </section>
        <Classes script={of} form={now} blame={blame} onChange={(classes) => set({ classes })} />
        <Options options={of.options} values={now.options} blame={blame} onChange={(options) => set({ options })} />
        {!verdict.value.ok && !known.includes(verdict.value.field ?? "") ? <p class="callout fail" role="alert">{visible(verdict.value.error ?? "")}</p> : null}
      </div>
      <aside class="new-test-side">
        <section class="panel" aria-label="Start">
          <button type="submit" class="button primary wide" disabled={why !== "" || busy.value !== ""} aria-describedby="obstacle" title="Ctrl+Enter">
            <Icon name="play" />{busy.value === "start" ? "Starting…" : "Start"}
          </button>
          <p class="note" id="obstacle" role="status">{why || `${count(store.connectedWorkers.value)} ${store.connectedWorkers.value === 1 ? "worker is" : "workers are"} ready.`}</p>
          {why !== "" && store.run.value?.distributed ? <p class="note">Start one with <code>katydid --worker --master-host {location.hostname}</code></p> : null}
        </section>
        <section class="panel" aria-labelledby="try-head">
          <header class="panel-head"><h2 id="try-head">Try one user</h2></header>
          <p class="note">Runs one task once, outside the statistics, and shows what was sent and received.</p>
          <div class="try-row">
            <div class="input-box">
              <select aria-label="Class to try" value={tried.value} onChange={(event) => (tried.value = event.currentTarget.value)}>
                {of.classes.map((one) => <option key={one.name} value={one.name}>{visible(one.name)}</option>)}
              </select>
            </div>
            <button type="button" class="button" disabled={busy.value !== "" || of.error !== null || source.link.value.kind !== "live"} onClick={() => void tryOne()}>
              {busy.value === "try" ? "Trying…" : "Try"}
            </button>
          </div>
        </section>
        <section class="panel" aria-labelledby="preset-head">
          <header class="panel-head"><h2 id="preset-head">Presets</h2></header>
          {names.length === 0 ? <p class="note">None yet in this browser.</p> : (
            <ul class="preset-list">
              {names.map((name) => (
                <li key={name}>
                  <button type="button" class="link-button" onClick={() => (form.value = firstForm(null, of, presets.value[name]!))}>{visible(name)}</button>
                  <button type="button" class="button quiet icon-only" aria-label={`Remove preset ${name}`} onClick={() => (presets.value = dropPreset(of.file, name))}><Icon name="close" /></button>
                </li>
              ))}
            </ul>
          )}
          <div class="try-row">
            <div class="input-box">
              <input type="text" aria-label="Name of the preset" placeholder="Name" maxLength={60} value={presetName.value} onInput={(event) => (presetName.value = event.currentTarget.value)} />
            </div>
            <button type="button" class="button" disabled={presetName.value.trim() === ""}
              onClick={() => { presets.value = keepPreset(of.file, presetName.value.trim(), rememberable(now, of)); presetName.value = ""; }}>Save</button>
          </div>
          <CommandLine text={commandLine(now, of)} />
        </section>
      </aside>
      {trial.value !== null ? <div class="new-test-trial"><TrialResult {...trial.value} /></div> : null}
    </form>
  );
}

function errorOf(error: string | undefined): { error: string } | object {
  return error === undefined ? {} : { error };
}

export function NewTestScreen(): JSX.Element {
  const link = source.link.value.kind;
  const notice = store.run.value?.notice; // changes when the file is loaded anew, or could not be
  useEffect(() => {
    if (link === "live") void loadScript();
  }, [link, notice]);
  const of = script.value;
  if (store.isRunning.value || store.isEnding.value)
    return (
      <>
        <h1>Edit load</h1>
        <section class="panel start-panel">
          {store.isEnding.value ? <p class="note">The test is ending. The next one can be made then.</p> : <LoadForm kind="edit" onDone={() => go("live")} />}
        </section>
        {of !== null ? <ScriptPanel of={of} /> : null}
      </>
    );
  return (
    <>
      <h1>New test</h1>
      {of === null ? (
        <section class="panel empty">
          {scriptTrouble.value !== "" ? <><p>{scriptTrouble.value}</p><button type="button" class="button" onClick={() => void loadScript()}>Try again</button></> : <p>Reading the locustfile…</p>}
        </section>
      ) : (
        <>
          <ScriptPanel of={of} />
          <Form key={`${of.sha256} ${of.loaded_at}`} of={of} />
        </>
      )}
    </>
  );
}
