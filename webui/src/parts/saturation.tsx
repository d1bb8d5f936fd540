/* The verdict on the measurement itself: when our own processes were too busy to measure. */
import type { JSX } from "preact";
import { store } from "../app-state";
import { shortId, timespan, visible } from "../lib/format";
import { advice, spansIn, WHY } from "../live/health";
import { saturated } from "../range/data";
import { span } from "../range/state";
import { Status } from "./status";

/** How long at least one of the spans lasted: several workers may be late at the same time. */
export function together(spans: [number, number][]): number {
  let seconds = 0;
  let until = -Infinity;
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    seconds += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return seconds;
}

export function SaturationNote(): JSX.Element | null {
  const { from, to } = span.value;
  const inside = spansIn(saturated.value, from, to);
  if (inside.length === 0) return null;
  const seconds = together(inside.map(([start, end]) => [start, end]));
  const reasons = [...new Set(inside.map(([, , index, why]) => {
    const worker = store.workers.value.find((candidate) => candidate.index === index);
    return `${worker ? `${shortId(worker.id)}: ` : ""}${WHY[why] ?? visible(why)}`;
  }))];
  return (
    <p class="callout warn" id="saturation">
      <Status tone="warn">{`Not valid for ${timespan(Math.max(1, Math.round(seconds)))} of this range.`}</Status>{" "}
      {reasons.slice(0, 3).join("; ")}. Response times there may be ours, not the server’s; shaded in the charts. {advice(inside.map(([, , , why]) => why))}
    </p>
  );
}
