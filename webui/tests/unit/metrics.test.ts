/* Checks, groups and metrics as tables and courses, and the same from a report. */
import { describe, expect, it } from "vitest";
import { FileMetrics, quantile } from "../../src/live/file-metrics";
import { COURSE, type MetricSeries } from "../../src/live/judged";
import type { ReportMetrics } from "../../src/live/report-block";
import { courseTable } from "../../src/screens/metrics/course";
import { filteredRows, rowsOf, shareText, sortedRows, valueText } from "../../src/screens/metrics/model";
import { HistRule, Histogram } from "../../src/stats/hist";

const series = (metric: string, type: MetricSeries["type"], tags: Record<string, string>, change: Partial<MetricSeries> = {}): MetricSeries => ({ metric, type, unit: "", tags, other: false, count: 10, ...change });
const ALL = [
  series("checks", "rate", { check: "ok" }, { passes: 10, fails: 0 }), series("checks", "rate", { check: "has items", group: "buy" }, { passes: 7, fails: 3, first_failed: 5, last_failed: 9 }),
  series("group_duration", "trend", { group: "buy" }, { unit: "ms", mean: 20, percentiles: { 50: 18, 90: 30, 95: 40, 99: 50 }, max: 60 }), series("group_busy", "trend", { group: "buy" }, { mean: 15 }),
  series("group_failed", "rate", { group: "buy" }, { passes: 1, fails: 9 }), series("group_cut", "counter", { group: "pay" }, { sum: 2 }),
  series("http_req_duration", "trend", { method: "GET", name: "/cart", tier: "gold" }, { mean: 3 }), series("http_req_failed", "rate", { method: "GET", name: "/cart", tier: "gold" }, { passes: 5, fails: 5 }),
  series("sold", "counter", {}, { sum: 12.5, unit: "EUR" }), series("found", "rate", {}, { passes: 5, fails: 5 }),
];

describe("the tables", () => {
  it("are one for each kind", () => {
    expect(rowsOf(ALL, "checks").map(({ title, tags, numbers, first }) => [title, tags, numbers["held"], first])).toEqual([["ok", [], 100, null], ["has items", [["group", "buy"]], 70, 5]]);
    expect(rowsOf(ALL, "requests").map(({ title, tags, numbers }) => [title, tags, numbers["failed"], numbers["mean"]])).toEqual([["GET /cart", [["tier", "gold"]], 50, 3]]);
    const said = [{ worker: "w1", value: 3, at: 5 }, { worker: "w2", value: 4, at: 6 }];
    const gauge: MetricSeries = { metric: "stock", type: "gauge", unit: "", tags: {}, other: false, count: 2, value: 4, workers: said };
    expect(rowsOf([gauge, { ...gauge, workers: said.slice(1) }], "metrics").map(({ workers }) => workers)).toEqual([said, []]);
    expect(rowsOf(ALL, "metrics").map(({ title, numbers }) => [title, numbers["value"]])).toEqual([["sold", 12.5], ["found", 50]]);
  });
  it("have the metrics of a group side by side, also of one that was only cut", () => {
    expect(rowsOf(ALL, "groups").map(({ title, numbers }) => [title, numbers["count"], numbers["failed"], numbers["p95"], numbers["busy"], numbers["cut"]])).toEqual([["buy", 10, 10, 40, 15, 0], ["pay", 0, null, null, null, 2]]);
  });
  it("are searched by name and tag, and sorted with what is missing last", () => {
    const checks = rowsOf(ALL, "checks");
    expect(filteredRows(checks, "ITEMS group:buy").map(({ title }) => title)).toEqual(["has items"]);
    expect(filteredRows(checks, "items tier").length).toBe(0);
    expect(sortedRows(checks, "-fails").map(({ title }) => title)).toEqual(["has items", "ok"]);
    expect(sortedRows(rowsOf(ALL, "groups"), "p95").map(({ title }) => title)).toEqual(["buy", "pay"]);
    expect(sortedRows(rowsOf(ALL, "groups"), "-p95").map(({ title }) => title)).toEqual(["buy", "pay"]);
  });
  it("write values with their units", () => {
    expect([valueText(12.5, "EUR"), valueText(1234567, ""), valueText(20_000, "ms"), valueText(null, ""), valueText(0.00012344, "")]).toEqual(["12.5 EUR", "1,234,567", "20 s", "–", "0.0001234"]);
    expect([shareText(99.9999), shareText(100), shareText(0), shareText(null)]).toEqual(["> 99.9 %", "100 %", "0 %", "–"]);
  });
});

describe("a course", () => {
  const points: [number, ...(number | null)[]][] = [[102, 5, 4], [105, 2, 2]];
  it("is zero where nothing was counted, and ends where the newest seconds may be missing", () => {
    const rate = courseTable({ step: 1, points }, "rate", 100, 108);
    expect([...rate.seconds]).toEqual([100, 101, 102, 103, 104, 105]);
    expect(rate.column(COURSE.count)).toEqual([0, 0, 5, 0, 0, 2]);
    expect(courseTable({ step: 1, points }, "rate", 100, 120).seconds.at(-1)).toBe(119);
  });
  it("has no value where none was measured", () => {
    expect(courseTable({ step: 1, points: [[102, 1, null, 3, 3, 3, null, 3], [104, 1, null, 5, 5, 5, null, 5]] }, "trend", 102, 105).column(COURSE.p50)).toEqual([3, null, 5]);
    expect(courseTable({ step: 1, points: [] }, "trend", 102, 105).length).toBe(0);
  });
});

describe("a report", () => {
  const rule = new HistRule(7);
  const metrics: ReportMetrics = {
    series: [series("basket", "trend", { shop: "a" }), series("found", "rate", {}), series("big", "counter", {})], left_out: 1,
    courses: [
      { scale: 1, step: 10, points: [[100, 2, null, 5, 2, 3, null, 2, 3, 3, 3, [2, 1, 0, 1], []], [110, 2, null, 6, -4, 10, null, -4, 10, 10, 10, [10, 1], [4, 1]]] },
      { scale: 1000, step: 10, points: [[100, 4, 3, null, null, null, null, null, null, null, null]] }, null,
    ],
  };
  const file = new FileMetrics(metrics, rule);
  it("adds up the steps of a range, histograms too", () => {
    const all = file.range(100, 120).series;
    expect(all[0]).toMatchObject({ count: 4, sum: 11, min: -4, max: 10, mean: 2.75, percentiles: { 50: 2, 90: 10, 99: 10 } });
    expect(file.range(100, 110).series[0]).toMatchObject({ count: 2, max: 3, percentiles: { 50: 2, 99: 3 } });
    expect(all[1]).toMatchObject({ passes: 3, fails: 1 });
    expect([all.length, file.range(100, 120).left_out, file.range(200, 210).series]).toEqual([2, 2, []]);
  });
  it("has the course of exactly those tags", () => {
    expect(file.course({ metric: "basket", tags: { shop: "a" } }).points.map((point) => point.length)).toEqual([11, 11]);
    expect(file.course({ metric: "basket", tags: {} }).points).toEqual([]);
  });
  it("has the course of all of a metric, added up", () => {
    const both = new FileMetrics({ series: [series("basket", "trend", { shop: "a" }), series("basket", "trend", { shop: "b" })], left_out: 0, courses: [metrics.courses[0]!, { scale: 1, step: 10, points: [[100, 1, null, 9, 9, 9, null, 9, 9, 9, 9, [9, 1], []]] }] }, rule);
    const { step, points } = both.course({ metric: "basket", tags: null });
    expect([step, points.map((point) => point.slice(0, 6))]).toEqual([10, [[100, 3, null, 14, 2, 9], [110, 2, null, 6, -4, 10]]]);
    expect(points[0]![COURSE.p99]).toBe(9);
    expect(file.course({ metric: "big", tags: null }).points).toEqual([]);
  });
  it("reads percentiles of values of any sign", () => {
    const [hist, below] = [new Histogram(rule).add([1, 2]), new Histogram(rule).add([4, 1, 2, 1])];
    expect([0.1, 0.5, 0.9].map((q) => quantile(hist, below, q, 1))).toEqual([-7, -4, 1]);
    expect(quantile(new Histogram(rule), new Histogram(rule), 0.5, 1)).toBe(null);
  });
});
