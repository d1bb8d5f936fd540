/* What is left of a scenario's stages, to be changed while it runs. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { say } from "../../app-state";
import { visible } from "../../lib/format";
import { commands } from "../../live/commands";
import type { Scenario } from "../../live/scenarios";
import { Icon } from "../../parts/icons";
import { rowsLeft, stagesText, type Row } from "./plan-of";
import "../../style/newtest.css";

export function StageEditor({ of, elapsed, onChanged }: { of: Scenario; elapsed: number; onChanged: () => void }): JSX.Element {
  const [rows, setRows] = useState<Row[] | null>(null);
  const [error, setError] = useState("");
  const change = (i: number, column: 0 | 1, text: string): void => setRows(rows!.map((row, n): Row => (n === i ? (column === 0 ? [text, row[1]] : [row[0], text]) : row)));
  async function send(event: Event): Promise<void> {
    event.preventDefault();
    const said = await commands.scenario(of.name, { stages: stagesText(of, rows!) });
    setError(said.isOk ? "" : said.text);
    if (!said.isOk) return;
    say(said.text, true);
    setRows(null);
    onChanged();
  }
  if (rows === null) return <button type="button" class="button small" onClick={() => setRows(rowsLeft(of, elapsed))}><Icon name="edit" />Stages of {visible(of.name)}</button>;
  return (
    <form onSubmit={(event) => void send(event)} aria-label={`Stages of ${of.name}, from now on`}>
      <p class="note">From now on; the first begins with what there is. A length of 0s jumps, the last may be forever.</p>
      <ul class="stage-list pair">
        {rows.map((row, i) => (
          <li key={i}>
            <span class="muted">{i + 1}</span>
            {(["For", of.is_open ? "To, per second" : "To, users"] as const).map((label, column) => (
              <label class="stage-field" key={label}>
                <span class={i === 0 ? "muted" : "visually-hidden"}>{label}</span>
                <input type="text" autocomplete="off" value={row[column as 0 | 1]} aria-label={`${label}, stage ${i + 1}`} onInput={(event) => change(i, column as 0 | 1, event.currentTarget.value)} />
              </label>
            ))}
            <button type="button" class="button quiet icon-only" aria-label={`Remove stage ${i + 1}`} disabled={rows.length === 1} onClick={() => setRows(rows.filter((_, n) => n !== i))}><Icon name="close" /></button>
          </li>
        ))}
      </ul>
      {error === "" ? null : <p class="callout fail" role="alert">{error}</p>}
      <div class="form-foot">
        <button type="submit" class="button primary">Change the stages</button>
        <button type="button" class="button" onClick={() => setRows([...rows.slice(0, -1), ["1m", rows.at(-1)![1]], rows.at(-1)!])}><Icon name="plus" />Stage</button>
        <button type="button" class="button" onClick={() => setRows(null)}>Cancel</button>
      </div>
    </form>
  );
}
