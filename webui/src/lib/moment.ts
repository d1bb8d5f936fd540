/* Moments and short spans as people read them. */
import { duration, MISSING, timeOfDay } from "./format";

/** A time of day to the millisecond. */
export function clockMs(seconds: number): string {
  if (!(seconds > 0)) return MISSING;
  const ms = Math.floor((seconds % 1) * 1000);
  return `${timeOfDay(seconds)}.${String(ms).padStart(3, "0")}`;
}

/** Milliseconds with the unit: "231 ms", "12.3 s". */
export function msUnit(value: number | null | undefined): string {
  return duration(value).join(" ").trim();
}
