/* Thresholds of the running test that the page or the API set: others than before, from now on. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { say } from "../../app-state";
import type { Judged } from "../../live/judged";
import { commands } from "../../live/commands";
import { GateEditor, given } from "../../verdict/editor";
import { OF_THE_PAGE } from "../../verdict/move";
import { lineOf } from "../../verdict/words";

export function ChangeGates({ judged, onDone }: { judged: Judged; onDone: () => void }): JSX.Element {
  const lines = useSignal(judged.thresholds.filter(({ source, k6 }) => source === OF_THE_PAGE && !k6).map(lineOf));
  const trouble = useSignal("");
  const hasWrong = useSignal(false);
  const isBusy = useSignal(false);
  const others = judged.thresholds.filter(({ source }) => source !== OF_THE_PAGE).length;
  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    if (isBusy.value || hasWrong.value) return;
    isBusy.value = true;
    const said = await commands.edit({ thresholds: given(lines.value) });
    isBusy.value = false;
    trouble.value = said.isOk ? "" : said.text;
    if (!said.isOk) return;
    say("The thresholds are changed.", true);
    onDone();
  }
  return (
    <form class="panel load-form change-gates" noValidate onSubmit={(event) => void submit(event)} aria-labelledby="change-title">
      <header class="panel-head"><h2 id="change-title">Change thresholds <span class="unit">of this run</span></h2></header>
      <GateEditor lines={lines.value} onChange={(next) => (lines.value = next)} onWords={(is) => (hasWrong.value = is)} />
      {others > 0 ? <p class="note">{others === 1 ? "The other one is" : `The ${others} others are`} of the locustfile or the command line, and stay.</p> : null}
      {trouble.value !== "" ? <p class="callout fail" role="alert">{trouble.value}</p> : null}
      <div class="form-foot">
        <button type="submit" class="button primary" disabled={isBusy.value || hasWrong.value}>{isBusy.value ? "Sending…" : "Judge by these"}</button>
        <button type="button" class="button" onClick={onDone}>Cancel</button>
      </div>
    </form>
  );
}
