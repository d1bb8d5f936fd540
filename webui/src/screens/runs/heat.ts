/* Where one run has more of its requests than another: over the time since the start of the load, and over
 * response times. Both heatmaps are put on one grid, as shares of all requests of each. Pure. */
import type { HeatmapAnswer } from "../../live/protocol";

export const COLUMNS = 60;
export const ROWS = 32;
const SLACK = 1e-6; // of a row: logarithms are not exact
/** A difference of so much of all requests is drawn in full: less is not blown up to look like one. */
export const FULL = 0.001;

export interface HeatDifference {
  /** Seconds of a column; its columns begin at 0. */
  step: number;
  /** Edges of the rows in ms, equal steps of a logarithm. */
  bounds: number[];
  /** By column and row: share of the one run's requests less that of the other's. */
  cells: Map<number, number>;
  /** The largest of them, without its sign. */
  most: number;
}

export interface Heat {
  answer: HeatmapAnswer;
  /** When its load began, unix seconds. */
  start: number;
}

function endOf({ answer, start }: Heat): number {
  return answer.cells.reduce((most, [x]) => Math.max(most, answer.from + (x + 1) * answer.step - start), 0);
}

function addTo(cells: Map<number, number>, { answer, start }: Heat, step: number, bounds: readonly number[], sign: number): void {
  const all = answer.cells.reduce((sum, [, , n]) => sum + n, 0);
  const [low, high] = [Math.log(bounds[0]!), Math.log(bounds.at(-1)!)];
  for (const [x, y, n] of answer.cells) {
    const column = Math.floor((answer.from + (x + 0.5) * answer.step - start) / step);
    if (column < 0 || column >= COLUMNS) continue;
    // Rows of the one grid lie across those of the other: each gets its part, or equal runs would differ in stripes.
    const [from, to] = [answer.bounds_ms[y]!, answer.bounds_ms[y + 1]!].map((bound) => ((Math.log(bound) - low) / (high - low)) * ROWS) as [number, number];
    for (let row = Math.max(0, Math.floor(from + SLACK)); row < Math.min(ROWS, to - SLACK); row++) {
      const part = (Math.min(to, row + 1) - Math.max(from, row)) / (to - from);
      const key = column * ROWS + row;
      cells.set(key, (cells.get(key) ?? 0) + (sign * n * part) / all);
    }
  }
}

/** null: one of the two has no answer at all. */
export function heatDifference(one: Heat, other: Heat): HeatDifference | null {
  const both = [one, other];
  if (both.some(({ answer }) => answer.cells.length === 0)) return null;
  const step = Math.max(1, Math.ceil(Math.max(...both.map(endOf)) / COLUMNS), ...both.map(({ answer }) => answer.step));
  const low = Math.min(...both.map(({ answer }) => answer.bounds_ms[0]!));
  const high = Math.max(...both.map(({ answer }) => answer.bounds_ms.at(-1)!), low * 1.1);
  const bounds = Array.from({ length: ROWS + 1 }, (_, i) => low * (high / low) ** (i / ROWS));
  const cells = new Map<number, number>();
  addTo(cells, one, step, bounds, -1);
  addTo(cells, other, step, bounds, 1);
  return { step, bounds, cells, most: [...cells.values()].reduce((most, value) => Math.max(most, Math.abs(value)), 0) };
}
