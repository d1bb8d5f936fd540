/* The seconds of the run, one array per column, sorted by time; and the part of them that charts
 * draw. */
import { POINT_WIDTH, type Point } from "./protocol";

export const SECONDS_KEPT = 3600; // single seconds; longer spans are fetched in steps

/** A part of a table as charts draw it: silences are steps of nulls. Columns are made when asked for. */
export interface SeriesView {
  x: number[];
  step: number;
  column(index: number): (number | null)[];
}

export const NO_VIEW: SeriesView = { x: [], step: 1, column: () => [] };

export class SeriesTable {
  columns: (number | null)[][] = Array.from({ length: POINT_WIDTH }, () => []);

  /** limit: how many steps are kept at most; step: how far apart they are. */
  constructor(private readonly limit = SECONDS_KEPT, readonly step = 1) {}

  static of(points: readonly Point[], step: number): SeriesTable {
    const table = new SeriesTable(Infinity, step);
    for (let i = 0; i < POINT_WIDTH; i++) table.columns[i] = points.map((point) => point[i] ?? null);
    return table;
  }

  get seconds(): number[] {
    return this.columns[0] as number[];
  }

  get length(): number {
    return this.seconds.length;
  }

  last(column: number): number | null {
    return this.columns[column]!.at(-1) ?? null;
  }

  /** How long before the newest second the column was last above zero; 0 when it never was. */
  silence(column: number): number {
    const values = this.columns[column]!;
    let at = values.length - 1;
    while (at >= 0 && !(values[at]! > 0)) at--;
    return at < 0 ? 0 : this.seconds.at(-1)! - this.seconds[at]!;
  }

  clear(): void {
    for (const column of this.columns) column.length = 0;
  }

  /** Inserts the second or replaces it: late reports still change young seconds. A point with
   * fewer columns leaves the others as they are. */
  set(point: Point): void {
    const seconds = this.seconds;
    let at = seconds.length;
    while (at > 0 && seconds[at - 1]! > point[0]) at--;
    const isKnown = at > 0 && seconds[at - 1] === point[0];
    for (let i = 0; i < POINT_WIDTH; i++) {
      if (!isKnown) this.columns[i]!.splice(at, 0, point[i] ?? null);
      else if (i < point.length) this.columns[i]![at - 1] = point[i] ?? null;
    }
  }

  /** Forgets what the master forgot: a reset, or the hour's end. 0 means everything. */
  trim(firstSecond: number): void {
    const seconds = this.seconds;
    let count = firstSecond === 0 ? seconds.length : 0;
    while (count < seconds.length && seconds[count]! < firstSecond) count++;
    count = Math.max(count, seconds.length - this.limit);
    if (count > 0) for (const column of this.columns) column.splice(0, count);
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
    const x = this.seconds.slice(first, last);
    const silence = this.step * 3;
    const gaps: number[] = []; // positions in x before which a step of nulls belongs
    for (let i = 1; i < x.length; i++) if (x[i]! - x[i - 1]! > silence) gaps.push(i);
    const made = new Map<number, (number | null)[]>();
    const column = (index: number): (number | null)[] => {
      let values = made.get(index);
      if (values === undefined) {
        values = withGaps(this.columns[index]!.slice(first, last), gaps, () => null);
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
