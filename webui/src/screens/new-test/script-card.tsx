/* The locustfile: what it holds, its text, and reading it anew. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { say, store } from "../../app-state";
import { count, timeOfDay, visible } from "../../lib/format";
import { postJson, type Verdict } from "../../live/ask";
import { Icon } from "../../parts/icons";
import { countTasks, loadScript, script, scriptTrouble, type Script } from "./script";

export function ScriptPanel({ of }: { of: Script }): JSX.Element {
  const isShown = useSignal(false);
  const isBusy = useSignal(false);
  const choices = of.choices ?? [];
  const cannot = isBusy.value || store.isRunning.value || store.isEnding.value;
  async function reload(file?: string): Promise<void> {
    isBusy.value = true;
    scriptTrouble.value = "";
    const verdict = await postJson<Verdict>("reload", file === undefined ? {} : { file }).catch((error: Error) => ({ ok: false, error: error.message }));
    isBusy.value = false;
    await loadScript();
    say(verdict.ok ? (file === undefined ? "The locustfile was loaded anew." : `${visible(file)} was loaded.`) : "The locustfile could not be loaded.", verdict.ok);
    if (!verdict.ok && script.value !== null && script.value.error === null) scriptTrouble.value = verdict.error ?? "";
  }
  return (
    <section class="panel" aria-labelledby="script-head">
      <header class="panel-head wraps">
        <h2 id="script-head">
          {choices.length > 1 ? <span class="visually-hidden">{visible(of.file)}</span> : `${visible(of.file)} `}
          {choices.length > 1 ? (
            <select class="file-choice" aria-label="Locustfile" value={of.file} disabled={cannot} onChange={(event) => {
              const chosen = event.currentTarget.value;
              event.currentTarget.value = of.file; // until it is loaded
              void reload(chosen);
            }}>
              {choices.map((name) => <option key={name} value={name} selected={name === of.file}>{visible(name)}</option>)}
            </select>
          ) : null}{" "}
          <span class="unit">
            {count(of.classes.length)} {of.classes.length === 1 ? "user class" : "user classes"} · {count(countTasks(of.classes))} tasks
            {of.shape ? ` · shape ${visible(of.shape.name)}` : ""} · loaded {timeOfDay(of.loaded_at)}
          </span>
        </h2>
        {of.text !== null ? (
          <button type="button" class="button" aria-expanded={isShown.value} onClick={() => (isShown.value = !isShown.value)}>{isShown.value ? "Hide" : "View"}</button>
        ) : null}
        <button type="button" class="button" disabled={cannot} onClick={() => void reload()}
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
