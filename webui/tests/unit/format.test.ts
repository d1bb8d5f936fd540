import { describe, expect, it } from "vitest";
import { badgeCount, bytes, clock, count, duration, ms, percent, rate, roundMs, shortCount, signedPercent, timespan, visible } from "../../src/lib/format";

describe("numbers", () => {
  it.each([[0, 10, "0"], [1, 100_000, "< 0.01"], [42, 10_000, "0.42"], [1, 2, "50.0"], [99_999, 100_000, "> 99.9"], [5, 5, "100"], [0, 0, "–"], [3, 0, "100"]])(
    "a part of %d in %d is %s percent", (part, all, text) => expect(percent(part, all)).toBe(text));
  it("never shows a rate above zero as zero", () => {
    expect([0, 0.001, 0.42, 12.34, 4812.4].map(rate)).toEqual(["0", "< 0.01", "0.42", "12.3", "4,812"]);
  });
  it("keeps response times readable", () => {
    expect([0, 0.0004, 0.42, 7.46, 88.4, 12_345].map(ms)).toEqual(["0", "< 0.01", "0.42", "7.5", "88", "12.3 s"]);
    expect([0.1, 1, 3, 30, 1000, 10_000].map(roundMs)).toEqual(["0.1 ms", "1 ms", "3 ms", "30 ms", "1,000 ms", "10 s"]);
    expect(duration(12_345)).toEqual(["12.3", "s"]);
    expect(duration(null)).toEqual(["–", ""]);
  });
  it("writes a change with its sign, a minus as one", () => {
    expect([signedPercent(18, 0), signedPercent(-50, 0), signedPercent(0, 0), signedPercent(-0.52, 1), signedPercent(2000, 0), signedPercent(null, 1)]).toEqual(["+18 %", "−50 %", "0 %", "−0.5 %", "+2,000 %", "–"]);
  });
  it("shortens only what is long", () => {
    expect([99_999, 677_000, 4_330_000].map(shortCount)).toEqual(["99,999", "677 k", "4.33 M"]);
    expect([7, 999, 1000, 12_999, 3_900_000].map(badgeCount)).toEqual(["7", "999", "1k", "12k", "3M"]);
    expect([count(undefined), count(NaN), bytes(812), bytes(1500)]).toEqual(["–", "–", "812 B", "1.5 kB"]);
  });
});

describe("times", () => {
  it("shows hours only when there are some", () => {
    expect([clock(0), clock(125), clock(3725)]).toEqual(["00:00", "02:05", "1:02:05"]);
    expect([timespan(0), timespan(90), timespan(4800)]).toEqual(["", "1m30s", "1h20m"]);
  });
});

describe("texts of strangers", () => {
  it("makes controls and reordering characters visible", () => {
    expect(visible("a\u202eb\u0000c\u001b[31m")).toBe("a\\u202eb\\u0000c\\u001b[31m");
    expect(visible("line\nbreak\ttab <b>")).toBe("line\nbreak\ttab <b>");
  });
});
