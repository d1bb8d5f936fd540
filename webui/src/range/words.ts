/* Every number states its range. */
import { timespan } from "../lib/format";
import { isFixed, isWhole, range } from "./state";

/** "since the start", "in the last 15m", "in the selection" */
export function rangeWords(): string {
  if (isFixed.value) return "in the selection";
  if (range.value.kind === "steady") return "since steady";
  if (isWhole.value || range.value.kind !== "last") return "since the start";
  return `in the last ${timespan(range.value.seconds)}`;
}
