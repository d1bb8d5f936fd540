/* What may be changed of a stored run: its note, its pin, whether it is there at all. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { say } from "../../app-state";
import { tell } from "../../live/commands";
import { Dialog } from "../../parts/dialog";
import { Confirm } from "../../parts/dialogs";
import { Field } from "../../parts/field";
import { profileOf, whenOf, type Run } from "./model";

export interface Change {
  kind: "note" | "pin" | "delete";
  run: Run;
}

interface Props {
  of: Change;
  onClose: () => void;
  onDone: () => void;
}

const WORDS = {
  note: { title: "Note", label: "Note", field: "text", hint: "What is worth to be known of this run. Empty: none.", done: "The note is written." },
  pin: { title: "Pin", label: "Name", field: "name", hint: "A run with a name is kept, and can be compared with by it: pinned:NAME. A name means one run. Empty: it is not pinned.", done: "The pin is set." },
} as const;

function Words({ kind, run, onClose, onDone }: { kind: "note" | "pin"; run: Run; onClose: () => void; onDone: () => void }): JSX.Element {
  const words = WORDS[kind];
  const [value, setValue] = useState((kind === "note" ? run.note : run.pin) ?? "");
  const [error, setError] = useState("");
  async function save(event: Event): Promise<void> {
    event.preventDefault();
    const said = await tell(`runs/${run.id}/${kind}`, { [words.field]: value.trim() });
    if (!said.isOk) return setError(said.text);
    say(words.done, true);
    onDone();
    onClose();
  }
  return (
    <Dialog title={`${words.title} of the run of ${whenOf(run)}`} onClose={onClose}>
      <form class="load-form" onSubmit={(event) => void save(event)}>
        <Field label={words.label} name={words.field} value={value} hint={words.hint} isFocused onInput={setValue} {...(error === "" ? {} : { error })} />
        <div class="form-foot"><button type="submit" class="button primary">Save</button><button type="button" class="button" onClick={onClose}>Cancel</button></div>
      </form>
    </Dialog>
  );
}

export function ChangeDialog({ of: { kind, run }, onClose, onDone }: Props): JSX.Element {
  if (kind !== "delete") return <Words kind={kind} run={run} onClose={onClose} onDone={onDone} />;
  return (
    <Confirm title="Delete this run?" isDanger action="Delete the run" done="The run is deleted." text={`${profileOf(run)} of ${whenOf(run)}: its figures and its file go, and cannot be had back.`}
      onClose={onClose} run={async () => {
        const said = await tell(`runs/${run.id}`, {}, "DELETE");
        if (said.isOk) onDone();
        return said;
      }} />
  );
}
