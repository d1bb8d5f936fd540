/* What a chart says at one moment: the time, the values with the highest first, what happened then. A click
 * pins the moment: it is part of the address (`at=SECOND.CHART`), and its values stay in every legend. */
import { computed } from "@preact/signals";
import type { JSX } from "preact";
import { visible } from "../lib/format";
import { shortIds } from "../lib/state-words";
import { route, setQuery } from "../lib/route";
import type { RunEvent } from "../live/protocol";
import { timeText } from "../range/time";

export interface TipRow {
  label: string;
  value: number | null;
  text: string;
}

/** The highest first; lines without a value are left out. */
export function tipRows(rows: readonly TipRow[]): TipRow[] {
  return rows.filter((row) => row.value !== null).sort((a, b) => b.value! - a.value!);
}

/** Events of the step that begins at `second`. */
export function eventsAt(events: readonly RunEvent[], second: number, step: number): RunEvent[] {
  return events.filter(({ at }) => at >= second - step / 2 && at < second + step);
}

export interface Pin {
  second: number;
  chart: string;
}

export function parsePin(text: string | undefined): Pin | null {
  const found = /^(\d{1,12})\.([a-z-]{1,40})$/.exec(text ?? "");
  return found === null ? null : { second: Number(found[1]), chart: found[2]! };
}

export const pinned = computed(() => parsePin(route.value.query["at"]));

export function togglePin(second: number, chart: string): void {
  const isSame = pinned.value !== null && Math.round(second) === pinned.value.second;
  setQuery({ at: isSame ? "" : `${Math.round(second)}.${chart}` });
}

/** The index of the step that a second lies in; null: it is not there. */
export function indexOf(x: readonly number[], step: number, second: number): number | null {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (x[mid]! <= second) low = mid + 1;
    else high = mid;
  }
  return low > 0 && second < x[low - 1]! + step ? low - 1 : null;
}

export interface TipProps {
  second: number;
  rows: readonly TipRow[];
  events: readonly RunEvent[];
  /** Of the width of the chart, 0 to 1: the tip is on the other side. */
  part: number;
  isPinned: boolean;
}

export function Tip({ second, rows, events, part, isPinned }: TipProps): JSX.Element {
  return (
    <div class={`tip${part > 0.5 ? " left" : " right"}${isPinned ? " pinned" : ""}`} role="presentation">
      <p class="tip-time">{timeText(second)}{isPinned ? <span class="muted"> pinned</span> : null}</p>
      <dl>{tipRows(rows).map((row) => <div key={row.label}><dt>{row.label}</dt><dd>{row.text}</dd></div>)}</dl>
      {events.map((event, i) => <p key={i} class="tip-event">{shortIds(visible(event.text))}</p>)}
    </div>
  );
}
