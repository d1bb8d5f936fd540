/* Times as the person wants them: one switch for the whole page. */
import { store } from "../app-state";
import { clock, MISSING, timeOfDay, timeUtc } from "../lib/format";
import { timeMode } from "./state";

/** What times are counted from; 0: from nothing, also where no run has begun. */
const origin = (): number => (timeMode.value === "elapsed" ? (store.run.value?.started ?? 0) : 0);

export function timeText(second: number): string {
  const start = origin();
  if (start > 0) return second < start ? `−${clock(start - second)}` : clock(second - start);
  return timeMode.value === "utc" ? timeUtc(second) : timeOfDay(second);
}

/** To the millisecond. */
export function momentText(second: number): string {
  if (!(second > 0)) return MISSING;
  const ms = Math.floor((Math.abs(second - origin()) % 1) * 1000);
  return `${timeText(second)}.${String(ms).padStart(3, "0")}`;
}
