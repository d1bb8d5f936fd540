import { describe, expect, it } from "vitest";
import { courseBeat, formatFixed, panned, parseRange, spanOf, steadyStart, tidy, zoomed } from "../../src/range/range";

const run = { from: 1000, to: 2000 };

describe("the range in the address", () => {
  it("is read", () => {
    expect(parseRange("5m")).toEqual({ kind: "last", seconds: 300 });
    expect(parseRange("2h")).toEqual({ kind: "last", seconds: 7200 });
    expect(parseRange("all")).toEqual({ kind: "all" });
    expect(parseRange("steady")).toEqual({ kind: "steady" });
    expect(parseRange("1100-1200")).toEqual({ kind: "fixed", from: 1100, to: 1200 });
  });
  it("is the last fifteen minutes when it makes no sense", () => {
    for (const text of [undefined, "", "0m", "-5m", "9-3", "1e9-2e9", "<script>", "99999h"]) expect(parseRange(text)).toEqual({ kind: "last", seconds: 900 });
  });
  it("comes back as it was", () => {
    expect(parseRange(formatFixed({ from: 1100.7, to: 1200.2 }))).toEqual({ kind: "fixed", from: 1100, to: 1201 });
  });
});

describe("a range of a run", () => {
  it("ends at the live edge and begins in the run", () => {
    expect(spanOf({ kind: "last", seconds: 300 }, run, null)).toEqual({ from: 1700, to: 2000 });
    expect(spanOf({ kind: "last", seconds: 9000 }, run, null)).toEqual(run);
    expect(spanOf({ kind: "steady" }, run, 1050)).toEqual({ from: 1050, to: 2000 });
    expect(spanOf({ kind: "steady" }, run, null)).toEqual(run);
  });
  it("is put in order, kept inside, and never empty", () => {
    expect(tidy({ from: 1500.4, to: 1200.6 }, run)).toEqual({ from: 1200, to: 1501 });
    expect(tidy({ from: 0, to: 9999 }, run)).toEqual(run);
    expect(tidy({ from: 1500, to: 1500 }, run)).toEqual({ from: 1500, to: 1502 });
    expect(tidy({ from: 2000, to: 2000 }, run)).toEqual({ from: 1998, to: 2000 });
  });
  it("is moved by half, as far as the run goes", () => {
    expect(panned({ from: 1500, to: 1600 }, -1, run)).toEqual({ from: 1450, to: 1550 });
    expect(panned({ from: 1980, to: 2000 }, 1, run)).toEqual({ from: 1980, to: 2000 });
  });
  it("is zoomed around the cursor", () => {
    expect(zoomed({ from: 1400, to: 1600 }, 0.5, 1500, run)).toEqual({ from: 1450, to: 1550 });
    expect(zoomed({ from: 1400, to: 1600 }, 0.5, 1400, run)).toEqual({ from: 1400, to: 1500 });
    expect(zoomed(run, 2, 1500, run)).toEqual(run);
  });
});

describe("steady state", () => {
  it("begins when all wanted users run for the first time", () => {
    expect(steadyStart([1, 2, 3, 4], [0, 5, 10, 10], [10, 10, 10, 10])).toBe(3);
    expect(steadyStart([1, 2], [0, null], [0, 10])).toBeNull();
  });
});

describe("the beat of a course", () => {
  it("is its least as long as steps are shorter", () => {
    expect(courseBeat(0, 3, 720)).toBe(3);
    expect(courseBeat(900, 3, 720)).toBe(3);
    expect(courseBeat(4000, 3, 720)).toBe(3);
  });
  it("is at most one step of a long course, and stays while a run grows", () => {
    expect(courseBeat(86_400, 15, 720)).toBe(120);
    const beats = new Set(Array.from({ length: 3600 }, (_, second) => courseBeat(86_400 + second, 15, 720)));
    expect([...beats]).toEqual([120]);
  });
});
