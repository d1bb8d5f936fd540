/* Where the steps of failures over time lie, and how much of the run is in each. Pure. */
import type { Failure } from "../live/protocol";

export interface KindsAnswer {
  from: number;
  to: number;
  failures: Failure[];
  /** Beyond it there is nothing to count, in whatever step. */
  run?: { from: number; to: number };
  trend_at?: [number, number];
}

/** The steps of the trends, by how many seconds of the run each has: the first and the last one may reach beyond it.
 * One that has hardly begun says nothing yet. */
export function stepsOf({ from, to, run, trend_at }: Omit<KindsAnswer, "failures">, count: number): { start: number; step: number; seconds: number[] } {
  const [start, step] = trend_at !== undefined && trend_at[1] > 0 ? trend_at : [from, (to - from) / Math.max(1, count)];
  const inside = run ?? { from, to };
  const seconds = Array.from({ length: count }, (_, i) => {
    const [begin, end] = [Math.max(start + i * step, inside.from), Math.min(start + (i + 1) * step, inside.to)];
    return Math.min(step, Math.max(1, end - begin));
  });
  while (seconds.length > 1 && seconds.at(-1)! < step / 2) seconds.pop();
  return { start, step, seconds };
}
