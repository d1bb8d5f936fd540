/* Waiting before the next try: doubles from 0.5 s to 15 s, with jitter so that many pages that
 * lost the same master do not come back in one moment. */

const FIRST_MS = 500;
const MOST_MS = 15_000;

/** attempt counts from 0; random is in [0, 1). */
export function backoff(attempt: number, random: number): number {
  const base = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return Math.round(base * (0.75 + 0.5 * random));
}
