/* The seconds of the run, sorted by time, in memory that does not grow with them; and the part of
 * them that charts draw. */
import { POINT_WIDTH, type Point } from "./protocol";

export const SECONDS_KEPT = 3600; // single seconds; longer spans are fetched in steps

/** A part of a table as charts draw it: silences are steps of nulls. Columns are made when asked for. */
export interface SeriesView {
  x: number[];
  step: number;
  column(index: number): (number | null)[];
}

export const NO_VIEW: SeriesView = { x: [], step: 1, column: () => [] };

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

function listed(values: Float64Array): (number | null)[] {
  const out: (number | null)[] = [];
  for (let i = 0; i < values.length; i++) out.push(orNull(values[i]!));
  return out;
}

export class SeriesTable {
  length = 0;
  /** Column after column, each with room for all its steps; NaN: nothing. Made once: an hour takes what its first second takes. */
  private readonly values: Float64Array;

  /** room: how many steps are kept at most, of more the newest; step: how far apart they are. */
  constructor(private readonly room = SECONDS_KEPT, readonly step = 1) {
    this.values = new Float64Array(room * POINT_WIDTH);
  }

  static of(points: readonly Point[], step: number): SeriesTable {
    const table = new SeriesTable(points.length, step);
    for (const point of points) table.set(point);
    return table;
  }

  /** Of all steps, NaN for nothing; as it is now, not a copy. */
  raw(column: number): Float64Array {
    const start = column * this.room;
    return this.values.subarray(start, start + this.length);
  }

  get seconds(): Float64Array {
    return this.raw(0);
  }

  column(index: number): (number | null)[] {
    return listed(this.raw(index));
  }

  point(at: number): Point {
    return Array.from({ length: POINT_WIDTH }, (_, i) => orNull(this.values[i * this.room + at]!)) as Point;
  }

  last(column: number): number | null {
    return orNull(this.raw(column).at(-1) ?? NaN);
  }

  /** How long before the newest second the column was last above zero; 0 when it never was. */
  silence(column: number): number {
    const values = this.raw(column);
    let at = values.length - 1;
    while (at >= 0 && !(values[at]! > 0)) at--;
    return at < 0 ? 0 : this.seconds.at(-1)! - this.seconds[at]!;
  }

  clear(): void {
    this.length = 0;
  }

  /** Inserts the second or replaces it: late reports still change young seconds. A point with
   * fewer columns leaves the others as they are. */
  set(point: Point): void {
    let at = this.length;
    while (at > 0 && this.values[at - 1]! > point[0]) at--;
    const isKnown = at > 0 && this.values[at - 1] === point[0];
    at = isKnown ? at - 1 : this.opened(at);
    if (at < 0) return;
    for (let i = 0; i < POINT_WIDTH; i++) if (!isKnown || i < point.length) this.values[i * this.room + at] = point[i] ?? NaN;
  }

  /** Where a step before the one at `at` goes; where there is no room left the oldest one gives its own: -1 if that is this one. */
  private opened(at: number): number {
    const isFull = this.length === this.room;
    for (let start = 0; start < this.values.length; start += this.room)
      if (isFull) this.values.copyWithin(start, start + 1, start + at);
      else this.values.copyWithin(start + at + 1, start + at, start + this.length);
    if (isFull) return at - 1;
    this.length++;
    return at;
  }

  /** Forgets what the master forgot: a reset, or what it has no room for. 0 means everything. */
  trim(firstSecond: number): void {
    const count = firstSecond === 0 ? this.length : this.indexOf(firstSecond);
    if (count === 0) return;
    for (let start = 0; start < this.values.length; start += this.room) this.values.copyWithin(start, start + count, start + this.length);
    this.length -= count;
  }

  /** From this second on something may be missing after a silence. */
  get resumeFrom(): number {
    return this.length > 0 ? Math.max(0, this.seconds.at(-1)! - 5) : 0;
  }

  private indexOf(second: number): number {
    const seconds = this.seconds;
    let low = 0;
    let high = seconds.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (seconds[mid]! < second) low = mid + 1;
      else high = mid;
    }
    return low;
  }

  /** The steps from `from` (included) to `to` (not included). */
  view(from: number, to: number): SeriesView {
    const first = this.indexOf(from);
    const last = this.indexOf(to);
    const x = [...this.seconds.subarray(first, last)];
    const silence = this.step * 3;
    const gaps: number[] = []; // positions in x before which a step of nulls belongs
    for (let i = 1; i < x.length; i++) if (x[i]! - x[i - 1]! > silence) gaps.push(i);
    const made = new Map<number, (number | null)[]>();
    const column = (index: number): (number | null)[] => {
      let values = made.get(index);
      if (values === undefined) {
        values = withGaps(listed(this.raw(index).subarray(first, last)), gaps, () => null);
        made.set(index, values);
      }
      return values;
    };
    return { x: withGaps(x, gaps, (i) => x[i - 1]! + this.step), step: this.step, column };
  }
}

/** One column of several views over the steps that any of them has: column i is view i. Where a view
 * has no step there is nothing, which is no silence: a line goes on across it. */
export function sideBySide(views: readonly SeriesView[], index: number): SeriesView {
  const x = [...new Set(views.flatMap((view) => view.x))].sort((a, b) => a - b);
  const at = new Map(x.map((second, i) => [second, i]));
  const columns = views.map((view) => {
    const out = new Array<number | null | undefined>(x.length).fill(undefined);
    view.column(index).forEach((value, i) => (out[at.get(view.x[i]!)!] = value));
    return out as (number | null)[];
  });
  return { x, step: Math.max(1, ...views.map((view) => view.step)), column: (i) => columns[i] ?? [] };
}

function withGaps<T>(values: T[], gaps: number[], fill: (i: number) => T): T[] {
  if (gaps.length === 0) return values;
  const out: T[] = [];
  let start = 0;
  for (const gap of gaps) {
    for (let i = start; i < gap; i++) out.push(values[i]!);
    out.push(fill(gap));
    start = gap;
  }
  for (let i = start; i < values.length; i++) out.push(values[i]!);
  return out;
}
