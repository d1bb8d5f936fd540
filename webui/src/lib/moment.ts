/* Moments as people read them. */
import { MISSING, timeOfDay } from "./format";

/** A time of day to the millisecond. */
export function clockMs(seconds: number): string {
  if (!(seconds > 0)) return MISSING;
  const ms = Math.floor((seconds % 1) * 1000);
  return `${timeOfDay(seconds)}.${String(ms).padStart(3, "0")}`;
}
