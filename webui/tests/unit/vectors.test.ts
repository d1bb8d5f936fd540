/* The shared test vectors (tests/vectors/make.py): windows of a report, added up, give these numbers. */
import { describe, expect, it } from "vitest";
import { Sum } from "../../src/live/sum";
import { ROW } from "../../src/live/protocol";
import { WIN, type WindowRow } from "../../src/live/report-block";
import { HistRule, Histogram, type Sparse } from "../../src/stats/hist";
import vectors from "../../../tests/vectors/statistics.json";

interface Part {
  count: number;
  failed: number;
  none: number;
  bytes: number;
  sum_us: number;
  hist: number[];
  min_us: number | null;
  max_us: number;
}
interface Case {
  name: string;
  start: number;
  samples: [number, number, number | null, number, number][];
  parts: Part[];
  expected: Record<string, number | null> & { hist: number[]; quantiles_ms: [number, number][] };
}

const cases = vectors as unknown as Case[];
const rule = new HistRule(7);

function windowRow(part: Part): WindowRow {
  const row: WindowRow = new Array<number | Sparse | null>(Math.max(...Object.values(WIN)) + 1).fill(null);
  const values: [number, number | Sparse | null][] = [
    [WIN.count, part.count], [WIN.failed, part.failed], [WIN.none, part.none], [WIN.bytes, part.bytes], [WIN.sumUs, part.sum_us],
    [WIN.hist, part.hist], [WIN.minUs, part.min_us], [WIN.maxUs, part.max_us],
  ];
  for (const [column, value] of values) row[column] = value;
  return row;
}

function sparse(hist: Histogram): number[] {
  const pairs: number[] = [];
  let before = -1;
  hist.each((_low, _width, count, bucket) => {
    pairs.push(bucket - before - 1, count);
    before = bucket;
  });
  return pairs;
}

describe("the report page agrees", () => {
  it.each(cases.map((each) => [each.name, each] as const))("%s", (_name, each) => {
    const sum = new Sum(rule);
    for (const part of each.parts) sum.add(windowRow(part));
    const { expected } = each;
    const row = sum.row(1, Math.max(...each.samples.map((sample) => sample[1])) - each.start);
    const has = expected.count! > expected.none!;
    expect({
      count: row[ROW.requests], failed: row[ROW.failures], mean: row[ROW.mean], min: row[ROW.min], max: row[ROW.max], bytes: row[ROW.meanBytes],
      rps: row[ROW.totalRps], failRps: row[ROW.totalFailRps],
    }).toEqual({
      count: expected.count, failed: expected.failed, mean: has ? expected.mean_ms : null, min: expected.min_ms, max: expected.max_ms,
      bytes: expected.mean_bytes, rps: expected.total_rps, failRps: expected.total_fail_rps,
    });
    expect(sparse(sum.hist)).toEqual(expected.hist);
    expect(expected.quantiles_ms.map(([share]) => [share, sum.ms(share)])).toEqual(expected.quantiles_ms);
  });
});
