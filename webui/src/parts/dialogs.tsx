/* The dialogs of the page: one at a time, by `openDialog`. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { openDialog, say, store } from "../app-state";
import { commands, type Outcome } from "../live/commands";
import { API, IS_REPORT } from "../lib/build";
import { count } from "../lib/format";
import { SHORTCUTS, areKeysOn, setKeys } from "../lib/keys";
import { markerAt } from "../chart/plot";
import { isFixed, span } from "../range/state";
import { timeText } from "../range/time";
import { Dialog, close } from "./dialog";
import { Field } from "./field";
import { Icon } from "./icons";
import { LoadForm } from "./load-form";

interface ConfirmProps {
  title: string;
  text: string;
  action: string;
  done: string;
  isDanger: boolean;
  run: () => Promise<Outcome>;
  /** Of a dialog that is not one of the page's. */
  onClose?: () => void;
}

export function Confirm(props: ConfirmProps): JSX.Element {
  const leave = props.onClose ?? close;
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState("");
  async function confirm(): Promise<void> {
    setBusy(true);
    const said = await props.run();
    setBusy(false);
    if (!said.isOk) {
      setError(said.text);
      return;
    }
    say(props.done, true);
    leave();
  }
  return (
    <Dialog title={props.title} onClose={leave}>
      <p>{props.text}</p>
      {error !== "" ? <p class="callout fail" role="alert">{error}</p> : null}
      <div class="form-foot">
        <button type="button" class={`button ${props.isDanger ? "danger" : "primary"}`} autoFocus disabled={isBusy}
          onClick={() => void confirm()}>
          {props.action}
        </button>
        <button type="button" class="button" onClick={leave}>Cancel</button>
      </div>
    </Dialog>
  );
}

function Marker(): JSX.Element {
  const [text, setText] = useState("");
  const [error, setError] = useState("");
  const at = markerAt.value;
  async function add(event: Event): Promise<void> {
    event.preventDefault();
    const said = await commands.marker(text.trim() || "marker", at);
    if (!said.isOk) return setError(said.text);
    say("The marker is set.", true);
    close();
  }
  return (
    <Dialog title={at === null ? "Marker at this moment" : `Marker at ${timeText(at)}`}>
      <form class="load-form" onSubmit={(event) => void add(event)}>
        <Field label="What happened" name="text" value={text} placeholder="deployed v2.31" isFocused onInput={setText} {...(error === "" ? {} : { error })} />
        <div class="form-foot"><button type="submit" class="button primary"><Icon name="flag" />Set the marker</button></div>
      </form>
    </Dialog>
  );
}

function ReportFile(): JSX.Element {
  const [isPart, setPart] = useState(isFixed.value);
  const [hasSamples, setSamples] = useState(false);
  const [hasLogs, setLogs] = useState(false);
  const { from, to } = span.value;
  const asked = [...(isPart ? [`from=${from}`, `to=${to}`] : []), ...(hasSamples ? ["samples=1"] : []), ...(hasLogs ? ["logs=1"] : [])];
  return (
    <Dialog title="Save a report">
      <p>This page as one file that needs no network, with all charts, tables and ranges. At most 5 MB.</p>
      {isFixed.value ? (
        <div class="segments" role="group" aria-label="What it covers">
          <button type="button" aria-pressed={!isPart} onClick={() => setPart(false)}>The whole run</button>
          <button type="button" aria-pressed={isPart} onClick={() => setPart(true)}>{timeText(from)} – {timeText(to)}</button>
        </div>
      ) : null}
      <label class="check"><input type="checkbox" checked={hasSamples} onChange={(event) => setSamples(event.currentTarget.checked)} />Failed and slow requests, with headers and bodies</label>
      <label class="check"><input type="checkbox" checked={hasLogs} onChange={(event) => setLogs(event.currentTarget.checked)} />The newest log lines</label>
      {hasSamples || hasLogs ? <p class="callout warn">Secrets in requests are masked by their names only, log lines are as they are. Look before you pass the file on.</p> : null}
      <div class="form-foot">
        <a class="button primary" href={`${API}report${asked.length > 0 ? `?${asked.join("&")}` : ""}`} download onClick={close}><Icon name="download" />Save</a>
        <button type="button" class="button" onClick={close}>Cancel</button>
      </div>
    </Dialog>
  );
}

function Help(): JSX.Element {
  return (
    <Dialog title="Keyboard">
      <dl class="keys">
        {SHORTCUTS.map(([keys, what]) => (
          <div key={keys}>
            <dt><kbd>{keys}</kbd></dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label class="check">
        <input type="checkbox" checked={areKeysOn.value} onChange={(event) => setKeys(event.currentTarget.checked)} />
        Single-key shortcuts
      </label>
      <p class="note">
        Katydid {store.hello.value?.version ?? ""} · {store.hello.value?.locustfile ?? ""}
      </p>
    </Dialog>
  );
}

export function Dialogs(): JSX.Element | null {
  if (IS_REPORT) return openDialog.value === "help" ? <Help /> : null; // nothing is to be changed there
  const users = count(store.run.value?.users ?? 0);
  switch (openDialog.value) {
    case "edit":
      return <Dialog title="Edit load"><LoadForm onDone={close} /></Dialog>;
    case "stop":
      return (
        <Confirm title="Stop the test?" isDanger action="Stop the test" done="The test is stopping."
          text={`${users} users end, at once or within --stop-timeout. Requests under way then are counted as cut off. The numbers stay.`} run={commands.stop} />
      );
    case "reset":
      return (
        <Confirm title="Reset the statistics?" isDanger={false} action="Reset" done="The statistics were reset."
          text="Every number and chart starts again from zero. The test itself goes on." run={commands.reset} />
      );
    case "marker":
      return <Marker />;
    case "report":
      return <ReportFile />;
    case "help":
      return <Help />;
    default:
      return null;
  }
}
