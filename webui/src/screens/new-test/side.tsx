/* Beside the form: one user tried first, the start, presets, and the same as a command line. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { source, store } from "../../app-state";
import { count, visible } from "../../lib/format";
import { CopyButton } from "../../parts/copy";
import { Icon } from "../../parts/icons";
import { commandLine, firstForm, rememberable, type TestForm } from "./form";
import { dropPreset, keepPreset, presetsOf } from "./presets";
import { planned } from "./scenarios";
import type { Script } from "./script";

interface Props {
  of: Script;
  form: TestForm;
  busy: "" | "start" | "try";
  why: string; // nothing can be started; ""
  hasTried: boolean;
  tried: string;
  onClass: (name: string) => void;
  onTry: () => void;
  onForm: (form: TestForm) => void;
}

/** Trying comes first, until somebody has. */
function Begin({ of, busy, why, hasTried, tried, onClass, onTry }: Props): JSX.Element {
  const workers = store.connectedWorkers.value;
  const cannotTry = busy !== "" || of.error !== null || source.link.value.kind !== "live";
  return (
    <section class="panel begin" aria-label="Begin">
      {of.classes.length > 1 ? (
        <label class="select-of">Class to try{" "}
          <select value={tried} onChange={(event) => onClass(event.currentTarget.value)}>
            {of.classes.map((one) => <option key={one.name} value={one.name}>{visible(one.name)}</option>)}
          </select>
        </label>
      ) : null}
      <button type="button" class={`button wide${hasTried ? "" : " primary"}`} disabled={cannotTry} aria-describedby="try-note" onClick={onTry}>
        {busy === "try" ? "Trying…" : hasTried ? "Try again" : "Try one user"}
      </button>
      <p class="note" id="try-note">One task, once, outside the statistics: what was sent and received.</p>
      <button type="submit" class={`button wide${hasTried ? " primary" : ""}`} disabled={why !== "" || busy !== ""} aria-describedby="obstacle" title="Ctrl+Enter">
        <Icon name="play" />{busy === "start" ? "Starting…" : "Start"}
      </button>
      <p class="note" id="obstacle" role="status">{why || `${count(workers)} ${workers === 1 ? "worker is" : "workers are"} ready.`}</p>
      {why !== "" && store.run.value?.distributed ? <p class="note">Start one with <code>katydid --worker --master-host {location.hostname}</code></p> : null}
    </section>
  );
}

function Presets({ of, form, onForm }: Props): JSX.Element {
  const presets = useSignal(presetsOf(of.file));
  const name = useSignal("");
  const names = Object.keys(presets.value);
  const text = commandLine(form, of, planned.value);
  return (
    <section class="panel" aria-labelledby="preset-head">
      <header class="panel-head"><h2 id="preset-head">Presets</h2></header>
      {names.length === 0 ? <p class="note">None yet in this browser.</p> : (
        <ul class="preset-list">
          {names.map((each) => (
            <li key={each}>
              <button type="button" class="link-button" onClick={() => onForm(firstForm(null, of, presets.value[each]!))}>{visible(each)}</button>
              <button type="button" class="button quiet icon-only" aria-label={`Remove preset ${each}`} onClick={() => (presets.value = dropPreset(of.file, each))}><Icon name="close" /></button>
            </li>
          ))}
        </ul>
      )}
      <div class="try-row">
        <div class="input-box">
          <input type="text" aria-label="Name of the preset" placeholder="Name" maxLength={60} value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
        </div>
        <button type="button" class="button" disabled={name.value.trim() === ""}
          onClick={() => { presets.value = keepPreset(of.file, name.value.trim(), rememberable(form, of)); name.value = ""; }}>Save</button>
      </div>
      <details class="command-line">
        <summary>As command line</summary>
        <pre tabIndex={0}>{visible(text)}</pre>
        <CopyButton text={text} label="Copy" />
      </details>
    </section>
  );
}

export function Side(props: Props): JSX.Element {
  return (
    <aside class="new-test-side">
      <Begin {...props} />
      <Presets {...props} />
    </aside>
  );
}
