import { describe, expect, it } from "vitest";
import { barOf, barsOf, logSplits } from "../../src/chart/bars";
import { stepsOf } from "../../src/chart/steps";
import { afterPick, distinct, stacked } from "../../src/chart/legend";
import { csvText } from "../../src/lib/download";
import { prefixOf } from "../../src/lib/prefix";
import { visibleRange } from "../../src/table/virtual";

describe("the confidence of a percentile", () => {
  it("is open where the samples say nothing, and never falls to zero", () => {
    expect(barOf([279.5, null])).toEqual({ low: 279.5, high: null });
    expect(barOf([100, 120])).toEqual({ low: 100, high: 120 });
    expect(barOf([null, 5])).toBeNull();
    expect(barOf([12, 151], 80)).toEqual({ low: 12, high: null });
    expect(barOf([90, 151], 80)).toBeNull();
    expect(barOf(undefined)).toBeNull();
  });
});

describe("the steps of failures over time", () => {
  const run = { from: 1004, to: 1033 };
  it("are those of the master, and each is divided by the seconds of the run that it has", () => {
    expect(stepsOf({ from: 1004, to: 1036, run: { from: 1004, to: 1036 }, trend_at: [1000, 10] }, 4)).toEqual({ start: 1000, step: 10, seconds: [6, 10, 10, 6] });
  });
  it("leave out one that has hardly begun: it would fall to zero, second after second", () => {
    expect(stepsOf({ from: 1004, to: 1033, run, trend_at: [1000, 10] }, 4).seconds).toEqual([6, 10, 10]);
    expect(stepsOf({ from: 1004, to: 1005, run: { from: 1004, to: 1005 }, trend_at: [1000, 10] }, 1).seconds).toEqual([1]);
  });
  it("are whole within a selection, and even parts of it in an older report", () => {
    expect(stepsOf({ from: 1012, to: 1018, run, trend_at: [1010, 10] }, 1).seconds).toEqual([10]);
    expect(stepsOf({ from: 1000, to: 1030 }, 3)).toEqual({ start: 1000, step: 10, seconds: [10, 10, 10] });
  });
});

describe("CSV", () => {
  it("quotes what needs it, and disarms formulas", () => {
    expect(csvText([["a,b", 'say "x"', "=1+1", "@cmd", "-5", -5, null, NaN]])).toBe('"a,b","say ""x""",\'=1+1,\'@cmd,\'-5,-5,,\r\n');
  });
});

describe("prefixes", () => {
  it("are the first parts of the path", () => {
    expect([prefixOf("/cart/12/items?x=1", 1), prefixOf("/cart/12/items", 2), prefixOf("/cart", 1), prefixOf("https://shop.test/a/b", 1), prefixOf("login", 1), prefixOf("", 1)])
      .toEqual(["/cart/*", "/cart/12/*", "/cart", "/a/*", "/login", "/"]);
  });
});

describe("the visible rows", () => {
  it("are those of the window and a few more", () => {
    expect(visibleRange(0, 340, 34, 10_000)).toEqual([0, 16]);
    expect(visibleRange(3400, 340, 34, 10_000)).toEqual([94, 116]);
    expect(visibleRange(999_999, 340, 34, 10)).toEqual([4, 10]);
    expect(visibleRange(0, 340, 34, 0)).toEqual([0, 0]);
  });
});

describe("bars of a distribution", () => {
  it("hold every request once, whatever the widths of the buckets", () => {
    const { ok, failed, edges } = barsOf([[1, 1.1, 100, 0], [1.1, 8, 700, 10], [90, 100, 5, 5]], 40);
    const sum = (values: number[]): number => Math.round(values.reduce((a, b) => a + b, 0));
    expect([sum(ok), sum(failed), edges.length]).toEqual([805, 15, 41]);
    expect(barsOf([], 40).edges).toEqual([]);
  });
  it("have ticks at round numbers", () => {
    expect(logSplits(0, 2).map((at) => Math.round(10 ** at))).toEqual([1, 3, 10, 30, 100]);
    expect(logSplits(0, 4).map((at) => Math.round(10 ** at))).toEqual([1, 10, 100, 1000, 10_000]);
  });
});

describe("the legend", () => {
  it("shows one line alone, and all again", () => {
    expect(afterPick(["a", "b", "c"], [], "b", false)).toEqual(["a", "c"]);
    expect(afterPick(["a", "b", "c"], ["a", "c"], "b", false)).toEqual([]);
    expect(afterPick(["a", "b", "c"], ["a", "c"], "a", false)).toEqual(["b", "c"]);
  });
  it("tells lines of the same name apart", () => {
    expect(distinct(["a", "b", "a"])).toEqual(["a", "b", "a (2)"]);
  });
  it("switches a line, and never hides the last one", () => {
    expect(afterPick(["a", "b"], [], "b", true)).toEqual(["b"]);
    expect(afterPick(["a", "b"], ["b"], "b", true)).toEqual([]);
    expect(afterPick(["a", "b"], ["b"], "a", true)).toEqual([]);
  });
  it("stacks lines and keeps gaps", () => {
    expect(stacked([[1, null, 3], [10, 10, null], [5, 5, 5]])).toEqual([[1, null, 3], [11, 10, null], [16, 15, 8]]);
  });
});
