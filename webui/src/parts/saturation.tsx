/* The verdict on the measurement itself: when our own processes were too busy to measure. */
import type { JSX } from "preact";
import { store } from "../app-state";
import { timespan, visible } from "../lib/format";
import { saturated } from "../range/data";
import { span } from "../range/state";
import { Status } from "./status";

export function SaturationNote(): JSX.Element | null {
  const { from, to } = span.value;
  const inside = saturated.value.filter(([start, end]) => start < to && end > from);
  if (inside.length === 0) return store.isSaturated.value ? <p class="callout warn"><Status tone="warn">The measurement is not valid now.</Status> A load generator is at its limit.</p> : null;
  const seconds = inside.reduce((sum, [start, end]) => sum + Math.min(end, to) - Math.max(start, from), 0);
  const reasons = [...new Set(inside.map(([, , index, why]) => {
    const worker = store.workers.value.find((candidate) => candidate.index === index);
    return `${worker ? `${visible(worker.id)}: ` : ""}${visible(why)}`;
  }))];
  return (
    <p class="callout warn" id="saturation">
      <Status tone="warn">{`Not valid for ${timespan(Math.max(1, Math.round(seconds)))} of this range.`}</Status>{" "}
      {reasons.slice(0, 3).join("; ")}. Response times there may be ours, not the server’s; shaded in the charts.
    </p>
  );
}
