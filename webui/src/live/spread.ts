/* How the times of a recorded range are distributed, as the master says it (master/web/spread.c). Pure. */
import { Histogram, type HistRule, type Sparse } from "../stats/hist";
import type { DistributionAnswer, HeatmapAnswer } from "./protocol";
import { WIN, type WindowRow } from "./report-block";
import type { Sum } from "./sum";

const BUCKETS_MOST = 400;
const HEAT_ROWS = 64;

/** The shares of a curve: five points for each halving of what is left to 1. */
const CURVE: readonly number[] = [
  ...Array.from({ length: 17 * 5 }, (_, i) => Number((1 - 0.5 ** Math.floor(i / 5) * (1 - (i % 5) / 10)).toPrecision(6))).filter((q) => q < 0.99999),
  0.99999,
];

/** sum: of all of the rows; null: there are none. */
export function heatmapOf(rule: HistRule, rows: readonly WindowRow[], sum: Sum | null, { start, step }: { start: number; step: number }): HeatmapAnswer {
  const low = sum !== null && sum.min <= sum.max ? Math.max(sum.min, 1) : 1;
  const ratio = (Math.max(sum?.max ?? 0, low) * 1.001 + 1) / low;
  const bounds_ms = Array.from({ length: HEAT_ROWS + 1 }, (_, i) => (low * ratio ** (i / HEAT_ROWS)) / 1000);
  const cells: [number, number, number][] = [];
  let max = 0;
  for (const row of rows) {
    const column = new Float64Array(HEAT_ROWS);
    new Histogram(rule).add(row[WIN.hist] as Sparse | null).each((us, width, count) => {
      const y = Math.floor((Math.log(Math.max(us + Math.floor(width / 2), low) / low) / Math.log(ratio)) * HEAT_ROWS);
      column[Math.min(HEAT_ROWS - 1, y)]! += count;
    });
    const x = Math.round(((row[WIN.from] as number) - start) / step);
    column.forEach((count, y) => {
      if (count === 0) return;
      cells.push([x, y, count]);
      max = Math.max(max, count);
    });
  }
  return { from: start, step, bounds_ms, cells, max };
}

/** Neighbours are put together by powers of two until few enough are left. */
function bucketsOf(rule: HistRule, { hist, failedHist }: Sum): [number, number, number, number][] {
  const used: number[] = [];
  hist.each((_low, _width, _count, bucket) => used.push(bucket));
  let shift = 0;
  while (new Set(used.map((bucket) => bucket >> shift)).size > BUCKETS_MOST) shift++;
  return [...new Set(used.map((bucket) => bucket >> shift))].map((at) => {
    const [first, end] = [at << shift, (at + 1) << shift];
    const count = (of: Histogram): number => of.counts.subarray(first, end).reduce((a, b) => a + b, 0);
    const [all, failed] = [count(hist), count(failedHist)];
    return [rule.bounds(first).low / 1000, rule.bounds(end).low / 1000, Math.max(0, all - failed), failed];
  });
}

export function distributionOf(rule: HistRule, sum: Sum): DistributionAnswer {
  const ci = (q: number): [number | null, number | null] => sum.hist.confidence(q).map((share) => (share === null ? null : sum.ms(share))) as [number | null, number | null];
  return {
    count: sum.hist.total, failed: sum.failedHist.total, buckets: bucketsOf(rule, sum),
    curve: sum.hist.total > 0 ? CURVE.map((q) => [q, sum.ms(q)!]) : [], ci95: { p50: ci(0.5), p95: ci(0.95), p99: ci(0.99) },
  };
}
