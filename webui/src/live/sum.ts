/* Windows of one endpoint, or of several, added up: every number is read from the sum, as the master does it
 * (master/web/timeline_json.c). tests/vectors holds the two together. */
import { HistRule, Histogram, type Sparse } from "../stats/hist";
import { COUNTS, HISTS, QUANTILES, ROW, ROW_WIDTH, SUMS } from "./columns";
import { POINT, POINT_WIDTH, type Point } from "./protocol";
import { WIN, type WindowRow } from "./report-block";

const PHASES = 7;
/** In the order of a point, from s0 on. */
const PER_SECOND = [WIN.s0, WIN.s2, WIN.s3, WIN.s4, WIN.s5, WIN.sent, WIN.received];

export class Sum {
  readonly hists = new Map<number, Histogram>();
  readonly n = new Float64Array(Math.max(...SUMS) + 1);
  min = Infinity;
  max = 0;

  constructor(rule: HistRule) {
    for (const column of HISTS) this.hists.set(column, new Histogram(rule));
  }

  get hist(): Histogram {
    return this.hists.get(WIN.hist)!;
  }

  get failedHist(): Histogram {
    return this.hists.get(WIN.failedHist)!;
  }

  add(row: WindowRow): this {
    for (const column of HISTS) this.hists.get(column)!.add(row[column] as Sparse | null);
    for (const column of SUMS) this.n[column]! += (row[column] as number | null) ?? 0;
    if (row[WIN.minUs] !== null) this.min = Math.min(this.min, row[WIN.minUs] as number);
    this.max = Math.max(this.max, (row[WIN.maxUs] as number | null) ?? 0);
    return this;
  }

  ms(q: number, column: number = WIN.hist): number | null {
    if (column === WIN.hist && this.hist.total > 0 && (q <= 0 || q >= 1)) return (q <= 0 ? this.min : this.max) / 1000;
    const us = this.hists.get(column)!.percentile(q, column === WIN.hist ? this.min : 0, this.max);
    return us === null ? null : us / 1000;
  }

  get timed(): number {
    return this.n[WIN.count]! - this.n[WIN.none]!;
  }

  get meanMs(): number | null {
    return this.timed > 0 ? this.n[WIN.sumUs]! / 1000 / this.timed : null;
  }

  /** As a row of the endpoints table; rates over `seconds`. */
  row(id: number, seconds: number): (number | null)[] {
    const out = new Array<number | null>(ROW_WIDTH).fill(null);
    const count = this.n[WIN.count]!;
    const [rate, failRate] = [count, this.n[WIN.failed]!].map((n) => (seconds > 0 ? n / seconds : 0)) as [number, number];
    for (const [column, sum] of COUNTS) out[column] = this.n[sum]!;
    for (const [column, hist, q] of QUANTILES) out[column] = this.ms(q, hist);
    const values: [number, number | null][] = [
      [ROW.id, id], [ROW.rps, rate], [ROW.failRps, failRate], [ROW.totalRps, rate], [ROW.totalFailRps, failRate], [ROW.mean, this.meanMs], [ROW.min, this.timed > 0 ? this.min / 1000 : null],
      [ROW.max, this.timed > 0 ? this.max / 1000 : null], [ROW.median, this.ms(0.5)], [ROW.meanBytes, count > 0 ? this.n[WIN.bytes]! / count : 0],
    ];
    for (const [column, value] of values) out[column] = value;
    return out;
  }

  /** As a step of a series. */
  point(second: number, seconds: number): Point {
    const out = new Array<number | null>(POINT_WIDTH).fill(null) as Point;
    const phased = this.n[WIN.phased]!;
    out[POINT.second] = second;
    out[POINT.rps] = this.n[WIN.count]! / seconds;
    out[POINT.failRps] = this.n[WIN.failed]! / seconds;
    out[POINT.mean] = this.meanMs;
    const quantiles: [number, number][] = [[POINT.p50, 0.5], [POINT.p75, 0.75], [POINT.p90, 0.9], [POINT.p95, 0.95], [POINT.p99, 0.99], [POINT.p999, 0.999]];
    for (const [column, q] of quantiles) out[column] = this.ms(q);
    out[POINT.max] = this.timed > 0 ? this.max / 1000 : null;
    PER_SECOND.forEach((column, i) => (out[POINT.s0 + i] = this.n[column]! / seconds));
    for (let i = 0; i < PHASES; i++) out[POINT.queue + i] = phased > 0 ? this.n[WIN.queue + i]! / phased / 1000 : null;
    return out;
  }
}
