/* Requests per second as they are now. Pure. */
import { ROW } from "./columns";

const YOUNG_S = 4; // the master's mean of ten seconds ends two before the newest, in which every worker has told

/** Of a run, or of statistics, that began `age` seconds ago: in the beginning it is the mean since then.
 * null: nobody can tell yet. */
export function rateNow(total: readonly (number | null)[], age: number): number | null {
  const now = total[ROW.rps] ?? null;
  if (now !== 0 || age > YOUNG_S || !((total[ROW.requests] ?? 0) > 0)) return now;
  const mean = total[ROW.totalRps] ?? 0;
  return mean > 0 ? mean : null;
}
