/* The seconds of the run, one array per column, sorted by time: what charts draw. */
import { POINT_WIDTH, type Point } from "./protocol";

const LIMIT = 3600; // the master keeps an hour of seconds
const GAP_S = 3; // a longer silence is drawn as a gap, not as a straight line

export class SeriesTable {
  columns: (number | null)[][] = Array.from({ length: POINT_WIDTH }, () => []);

  get seconds(): number[] {
    return this.columns[0] as number[];
  }

  get length(): number {
    return this.seconds.length;
  }

  last(column: number): number | null {
    return this.columns[column]!.at(-1) ?? null;
  }

  clear(): void {
    for (const column of this.columns) column.length = 0;
  }

  /** Inserts the second or replaces it: late reports still change young seconds. */
  set(point: Point): void {
    const seconds = this.seconds;
    let at = seconds.length;
    while (at > 0 && seconds[at - 1]! > point[0]) at--;
    const isKnown = at > 0 && seconds[at - 1] === point[0];
    for (let i = 0; i < POINT_WIDTH; i++) {
      const value = point[i] ?? null;
      if (isKnown) this.columns[i]![at - 1] = value;
      else this.columns[i]!.splice(at, 0, value);
    }
  }

  /** Forgets what the master forgot: a reset, or the hour's end. 0 means everything. */
  trim(firstSecond: number): void {
    const seconds = this.seconds;
    let count = firstSecond === 0 ? seconds.length : 0;
    while (count < seconds.length && seconds[count]! < firstSecond) count++;
    count = Math.max(count, seconds.length - LIMIT);
    if (count > 0) for (const column of this.columns) column.splice(0, count);
  }

  /** From this second on something may be missing after a silence. */
  get resumeFrom(): number {
    return this.length > 0 ? Math.max(0, this.seconds.at(-1)! - 5) : 0;
  }

  /** The chosen columns of the last `range` seconds (0: all), silences as nulls. */
  window(picks: ((row: number) => number | null)[], range: number): (number | null)[][] {
    const seconds = this.seconds;
    const out: (number | null)[][] = [[], ...picks.map(() => [])];
    const from = range > 0 && seconds.length > 0 ? seconds.at(-1)! - range : 0;
    let before = 0;
    for (let row = 0; row < seconds.length; row++) {
      const second = seconds[row]!;
      if (second < from) continue;
      if (before > 0 && second - before > GAP_S) {
        out[0]!.push(before + 1);
        for (let i = 0; i < picks.length; i++) out[i + 1]!.push(null);
      }
      out[0]!.push(second);
      for (let i = 0; i < picks.length; i++) out[i + 1]!.push(picks[i]!(row));
      before = second;
    }
    return out;
  }
}
