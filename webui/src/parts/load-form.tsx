/* The load of a test: as the start form and as the edit dialog. The master checks every value;
 * its objection appears beside the field it names. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { say, store, source } from "../app-state";
import { commands, type Outcome, type StartFields } from "../live/commands";
import { timespan } from "../lib/format";
import { recall, remember } from "../lib/storage";
import { Field } from "./field";
import { Icon } from "./icons";

type Values = Required<StartFields>;

/** The command line's values, else those of the last start on this browser, else 1. */
function firstValues(): Values {
  const run = store.run.peek();
  let last: Partial<Values> = {};
  try {
    last = JSON.parse(recall("start") ?? "{}") as Partial<Values>;
  } catch {
    // what is not ours to read counts as nothing
  }
  const isGiven = run !== null && run.target > 0;
  return {
    users: isGiven ? String(run.target) : String(last.users ?? "1"),
    spawn_rate: run !== null && run.rate > 0 ? String(run.rate) : String(last.spawn_rate ?? "1"),
    host: run?.host || "",
    run_time: run !== null && run.run_time > 0 ? timespan(run.run_time) : String(last.run_time ?? ""),
  };
}

/** Why a start would be refused now; "" when it would not. */
function obstacle(): string {
  if (source.link.value.kind !== "live") return "No connection to the master.";
  if (store.connectedWorkers.value > 0) return "";
  if (store.run.value?.distributed) return "No worker is connected yet.";
  return "The load generator is still starting.";
}

function readiness(): string {
  const workers = store.connectedWorkers.value;
  if (!store.run.value?.distributed) return "";
  return `${workers} ${workers === 1 ? "worker is" : "workers are"} ready.`;
}

function rampHint(users: string, rate: string): string {
  const seconds = Number(users) / Number(rate);
  if (!(seconds > 0) || !Number.isFinite(seconds)) return "Users started per second.";
  return seconds <= 1 ? "All users within a second." : `All users after ${timespan(Math.ceil(seconds))}.`;
}

export function LoadForm(props: { kind: "start" | "edit"; onDone: () => void }): JSX.Element {
  const [values, setValues] = useState(firstValues);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [isBusy, setBusy] = useState(false);
  const isStart = props.kind === "start";
  const hasShape = store.run.value?.shape ?? false;
  const why = obstacle();
  const set = (name: keyof Values) => (value: string) => {
    setValues({ ...values, [name]: value });
    if (outcome?.field === name) setOutcome(null);
  };
  const errorOf = (name: string): { error: string } | object =>
    outcome !== null && !outcome.isOk && outcome.field === name ? { error: outcome.text } : {};
  const known = ["users", "spawn_rate", "host", "run_time"];

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (why !== "" || isBusy) return;
    const { users, spawn_rate, host, run_time } = values;
    const load = hasShape ? {} : { users: users.trim(), spawn_rate: spawn_rate.trim() };
    setBusy(true);
    const said = isStart
      ? await commands.start({ ...load, host: host.trim(), run_time: run_time.trim() })
      : await commands.edit(load);
    setBusy(false);
    setOutcome(said);
    if (!said.isOk) return;
    if (isStart) remember("start", JSON.stringify({ users, spawn_rate, run_time }));
    say(isStart ? "The test is starting." : "The load is changing.", true);
    props.onDone();
  }

  return (
    <form class="load-form" noValidate onSubmit={(event) => void submit(event)}>
      {hasShape ? (
        <p class="callout info">A load shape in the locustfile decides about the users and their rate.</p>
      ) : null}
      <div class="field-pair">
        <Field label="Users" name="users" inputMode="numeric" value={values.users} hint="At the peak, at the same time."
          isDisabled={hasShape} isFocused={!hasShape} onInput={set("users")} {...errorOf("users")} />
        <Field label="Spawn rate" name="spawn_rate" inputMode="decimal" suffix="per second" value={values.spawn_rate}
          hint={rampHint(values.users, values.spawn_rate)} isDisabled={hasShape} onInput={set("spawn_rate")}
          {...errorOf("spawn_rate")} />
      </div>
      {isStart ? (
        <>
          <Field label="Host" name="host" inputMode="url" value={values.host} placeholder="https://shop.test"
            hint="The start of every relative address. Empty: each class uses its own." onInput={set("host")}
            {...errorOf("host")} />
          <Field label="Run time" name="run_time" value={values.run_time} placeholder="until stopped"
            hint="For example 90, 20s, 3m or 1h20m. Empty: until stopped." onInput={set("run_time")}
            {...errorOf("run_time")} />
        </>
      ) : null}
      {outcome !== null && !outcome.isOk && !known.includes(outcome.field) ? (
        <p class="callout fail" role="alert">{outcome.text}</p>
      ) : null}
      <div class="form-foot">
        <button type="submit" class="button primary" disabled={why !== "" || isBusy} aria-describedby="obstacle">
          <Icon name={isStart ? "play" : "edit"} />
          {isBusy ? "Sending…" : isStart ? "Start" : "Change the load"}
        </button>
        <p class="note" id="obstacle" role="status">{why || readiness()}</p>
      </div>
      {isStart && why !== "" && store.run.value?.distributed && source.link.value.kind === "live" ? (
        <p class="note">
          Start one with <code>katydid --worker --master-host {location.hostname}</code>
        </p>
      ) : null}
    </form>
  );
}
