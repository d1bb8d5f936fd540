import { describe, expect, it } from "vitest";
import { FileQueries } from "../../src/live/file-queries";
import { POINT, ROW } from "../../src/live/protocol";
import type { Report, WindowRow } from "../../src/live/report-block";
import { point, tick, hello } from "./messages";

/* Buckets of up to 255 are one microsecond wide: bucket 100 holds 100 µs. */
function windowRow(from: number, to: number, id: number, buckets: [number, number][], failedAt: number | null = null): WindowRow {
  let before = -1;
  const hist = buckets.flatMap(([us, n]) => {
    const pair = [us - before - 1, n];
    before = us;
    return pair;
  });
  const count = buckets.reduce((sum, [, n]) => sum + n, 0);
  const failed = failedAt === null ? 0 : 1;
  const sum = buckets.reduce((all, [us, n]) => all + us * n, 0);
  const us = buckets.map(([at]) => at);
  return [from, to, id, count, failed, sum, hist, failedAt === null ? null : [failedAt, 1], Math.min(...us), Math.max(...us), 0, 0, 10 * count,
    0, 0, count - failed, 0, 0, failed, 100, 200, count, ...new Array<number>(7).fill(1000 * count), 2, 3, [49, count], null];
}

const windows = [
  windowRow(0, 10, 0, [[100, 10]]), windowRow(10, 20, 0, [[100, 5], [200, 5]], 200),
  windowRow(0, 10, 1, [[100, 10]]), windowRow(10, 20, 2, [[100, 5], [200, 5]], 200),
];
const report = {
  version: 1, made_at: 30, from: 0, to: 20, hist_rule: { sub_bits: 7 }, hello: hello(),
  tick: tick({ started: 0, defs: [[1, "GET", "/a/x"], [2, "POST", "/a/y"]] }),
  series: { step: 1, columns: [], points: Array.from({ length: 20 }, (_, i) => point(i)) },
  rows_run: { columns: [], rows: [windowRow(0, 20, 0, [[100, 15], [200, 5]], 200), windowRow(0, 20, 1, [[100, 10]]), windowRow(0, 20, 2, [[100, 5], [200, 5]], 200)] },
  rows_windows: { step: 10, columns: [], rows: windows },
  failures: [{ id: 7, count: 1, method: "POST", name: "/a/y", text: "boom", first: 12, last: 12 }],
  failures_windows: { step: 10, rows: [[10, 20, 7, 1]] }, exceptions: [], events: [], saturated: [[12, 14, 0, "hot"]], script: null,
  samples: { kinds: [["POST", "/a/y", "boom", [{ at: 12 }]], ["POST", "/a/y", null, [{ at: 13 }]]], left_out: 0 },
  logs: { seq: 9, first: 8, dropped: 0, lines: [[8, 1, "INFO", "master", "a", "one", 1], [9, 2, "INFO", "master", "a", "two", 1]] },
  workers_series: { step: 10, points: [[0, 0, 5, 1, 0, 40, 50, 3, 1e6, 10, 10, 0], [10, 0, 5, 1, 0.1, 60, 90, 30, 1e6, 10, 10, 1], [20, 0, 2, 4.5, 0, 20, 30, 1, 1e6, 2, 9, 0], [20, 1, null, 0.5, 0, null, null, null, 0, 0, 1, 0]] },
} as unknown as Report;
const queries = new FileQueries(report);
const byId = (rows: (number | null)[][], id: number): (number | null)[] | undefined => rows.find((row) => row[0] === id);

describe("a recorded run", () => {
  it("answers for all of it from the rows of the run", async () => {
    const { total, rows } = await queries.range(0, 20);
    expect([total[ROW.requests], total[ROW.failures], total[ROW.rps], total[ROW.p50], total[ROW.p99]]).toEqual([20, 1, 1, 0.1, 0.2]);
    expect(rows.length).toBe(2);
    expect(byId(rows, 2)![ROW.s5]).toBe(1);
    expect([total[ROW.discarded], total[ROW.resent], total[ROW.waitP50], total[ROW.waitP99]]).toEqual([2, 3, 0.049, 0.049]);
  });
  it("answers for a part of it by adding windows, and says which part that is", async () => {
    const { from, to, total, rows, failures, valid } = await queries.range(1, 9);
    expect([from, to, total[ROW.requests], total[ROW.p99], total[ROW.rps]]).toEqual([0, 10, 10, 0.1, 1]);
    expect([byId(rows, 1)![ROW.requests], byId(rows, 2)]).toEqual([10, undefined]);
    expect([failures, valid]).toEqual([[], true]);
    const late = await queries.range(11, 19);
    expect([late.valid, late.failures[0]![1], late.total[ROW.failures]]).toEqual([false, 1, 1]);
    const lost = new FileQueries({ ...report, saturated: [], verdict: { invalid: [[12, 14, -1, "w", "lost"]] } } as unknown as Report);
    expect((await lost.range(0, 20)).valid).toBe(false);
    expect([(await lost.range(1, 9)).valid, (await lost.range(11, 19)).lost]).toEqual([true, [[12, 14, "w"]]]);
    expect(late.workers).toEqual([[0, 10, 1, 60, 90, 30, 5]]);
  });
  it("counts what each worker did, in a last window that is short too", async () => {
    const { workers } = await new FileQueries({ ...report, to: 22 } as unknown as Report).range(0, 22);
    expect(workers.map(([index, requests, failures]) => [index, requests, failures])).toEqual([[0, 29, 1], [1, 1, 0]]);
    expect(workers[0]![6]).toBeCloseTo((5 * 20 + 2 * 2) / 22);
    expect(workers[1]!.slice(3)).toEqual([null, null, null, null]);
  });
  it("finds the requests of a failure and of a row, and the log lines, where the file has them", async () => {
    expect(await queries.samples({ kind: 7 })).toEqual([{ at: 12 }]);
    expect(await queries.samples({ row: 2 })).toEqual([{ at: 13 }]);
    expect(await queries.samples({ row: 1 })).toEqual([]);
    expect((await queries.logs(8)).lines.map(([, , , , , text]) => text)).toEqual(["two"]);
    const bare = new FileQueries({ ...report, samples: null, logs: null });
    expect(await bare.samples({ kind: 7 })).toEqual([]);
    expect((await bare.logs(0)).lines).toEqual([]);
  });
  it("merges the histograms of a group", async () => {
    const { groups, rows } = await queries.groups(0, 20, 1);
    expect(groups).toEqual([["*", "/a/*", 2]]);
    expect([rows[0]![ROW.requests], rows[0]![ROW.p50], rows[0]![ROW.p95], rows[0]![ROW.mean]]).toEqual([20, 0.1, 0.2, 0.125]);
  });
  it("tells successes and failures apart", async () => {
    const { count, failed, buckets, ci95 } = await queries.distribution(0, 20, 2);
    expect([count, failed]).toEqual([10, 1]);
    expect(buckets).toEqual([[0.1, 0.101, 5, 0], [0.2, 0.201, 4, 1]]);
    expect([ci95.p50!.every((bound) => bound !== null), ci95.p95![1]]).toEqual([true, null]); // ten are too few for a bound of p95
  });
  it("has the course of an endpoint, in windows", async () => {
    const table = await queries.series({ from: 0, to: 20, id: 2 });
    expect([table.step, [...table.seconds], table.column(POINT.p95)]).toEqual([10, [0, 10], [null, 0.2]]);
    expect(table.column(POINT.wait)).toEqual([null, 1]);
    expect((await queries.series({ from: 0, to: 20 })).seconds.length).toBe(20);
  });
  it("has a heatmap and trends", async () => {
    const map = await queries.heatmap(0, 20, 0);
    expect([map.cells.length, map.max, map.bounds_ms.length]).toEqual([3, 10, 65]);
    expect((await queries.sparks(0, 20, [2], 10))[2]).toContain(0.2);
  });
});
