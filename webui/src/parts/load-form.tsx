/* The load of a running test, changed. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { say, store, source } from "../app-state";
import { commands, type Outcome } from "../live/commands";
import { count } from "../lib/format";
import { rampWords } from "../lib/ramp";
import { linkTo } from "../lib/route";
import { Field } from "./field";
import { Icon } from "./icons";

/** In the words of the master, which are told one at a time. */
const CHECKS = {
  users: (text: string) => (/^\d+$/.test(text.trim()) && Number(text) >= 1 ? "" : "Give a whole number of users, at least 1."),
  spawn_rate: (text: string) => (text.trim() !== "" && Number(text) > 0 ? "" : "Give a number above 0: users started per second."),
};

export function LoadForm(props: { onDone: () => void }): JSX.Element {
  const [values, setValues] = useState(() => {
    const run = store.run.peek();
    return { users: String(run?.target ?? 1), spawn_rate: String(run?.rate || 1) };
  });
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [isAsked, setAsked] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const why = source.link.value.kind === "live" ? "" : "No connection to the master.";
  if (store.run.value?.shape)
    return <p class="callout info">A load shape in the locustfile decides about the users and their rate.</p>;
  if (store.run.value?.scenarios)
    return <p class="callout info">{store.run.value.scenarios === 1 ? "A scenario decides" : `${count(store.run.value.scenarios)} scenarios decide`} about the load of this test. <a href={linkTo("load")} onClick={props.onDone}>Load</a> changes it.</p>;
  const set = (name: keyof typeof values) => (value: string) => {
    setValues({ ...values, [name]: value });
    if (outcome?.field === name) setOutcome(null);
  };
  const wrong = (name: keyof typeof values): string => (isAsked ? CHECKS[name](values[name]) : "") || (outcome !== null && !outcome.isOk && outcome.field === name ? outcome.text : "");
  const errorOf = (name: keyof typeof values): { error: string } | object => (wrong(name) === "" ? {} : { error: wrong(name) });

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    setAsked(true);
    if (why !== "" || isBusy || CHECKS.users(values.users) !== "" || CHECKS.spawn_rate(values.spawn_rate) !== "") return;
    setBusy(true);
    const said = await commands.edit({ users: values.users.trim(), spawn_rate: values.spawn_rate.trim() });
    setBusy(false);
    setOutcome(said);
    if (!said.isOk) return;
    say("The load is changing.", true);
    props.onDone();
  }

  return (
    <form class="load-form" noValidate onSubmit={(event) => void submit(event)}>
      <div class="field-pair">
        <Field label="Users" name="users" inputMode="numeric" value={values.users} hint="At the peak, at the same time." isFocused onInput={set("users")} {...errorOf("users")} />
        <Field label="Spawn rate" name="spawn_rate" inputMode="decimal" suffix="per second" value={values.spawn_rate}
          hint={rampWords(store.run.value?.users ?? 0, values.users, values.spawn_rate)} onInput={set("spawn_rate")} {...errorOf("spawn_rate")} />
      </div>
      {outcome !== null && !outcome.isOk && outcome.field === "" ? <p class="callout fail" role="alert">{outcome.text}</p> : null}
      <div class="form-foot">
        <button type="submit" class="button primary" disabled={why !== "" || isBusy} aria-describedby="obstacle">
          <Icon name="edit" />{isBusy ? "Sending…" : "Change the load"}
        </button>
        <p class="note" id="obstacle" role="status">{why}</p>
      </div>
    </form>
  );
}
