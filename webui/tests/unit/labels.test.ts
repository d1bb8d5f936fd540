import { expect, test } from "vitest";
import { labelsOf, stepsOf, type Kind } from "../../src/chart/labels";
import { duration, ms, msUnit } from "../../src/lib/format";

test("an axis has one unit, and as many digits everywhere", () => {
  expect(labelsOf([0, 25, 50, 75, 100], "rate")).toEqual(["0", "25", "50", "75", "100"]);
  expect(labelsOf([0, 0.5, 1, 1.5, 2], "percent")).toEqual(["0", "0.5 %", "1.0 %", "1.5 %", "2.0 %"]);
  expect(labelsOf([0, 500_000, 1_000_000], "bytes")).toEqual(["0", "0.5 MB", "1.0 MB"]);
  expect(labelsOf([0, 5000, 10_000], "bytes")).toEqual(["0", "5 kB", "10 kB"]);
  expect(labelsOf([0, 1000, 2000], "ms")).toEqual(["0", "1,000", "2,000"]);
  expect(labelsOf([0, 100_000, 200_000, 300_000], "ms")).toEqual(["0", "100 s", "200 s", "300 s"]);
});

test("no label comes twice, whatever the steps", () => {
  for (const kind of ["rate", "ms", "bytes", "percent", "count"] as Kind[])
    for (let power = -3; power < 9; power++)
      for (const factor of [1, 2, 2.5, 5]) {
        const step = factor * 10 ** power;
        if ((kind === "count" || kind === "bytes") && step < 1) continue;
        const labels = labelsOf([0, 1, 2, 3, 4].map((n) => n * step), kind);
        expect(new Set(labels).size, `${kind} ${step}: ${labels}`).toBe(5);
      }
  expect(stepsOf("count")![0]).toBe(1);
});

test("a duration is written in one way: a tile, a table, a legend", () => {
  for (const value of [0.22, 5.9, 231, 9999, 10_000, 245_900, 300_000]) expect(msUnit(value)).toBe(duration(value).join(" "));
  expect(ms(245_900)).toBe("245.9 s");
  expect(ms(300_000)).toBe("300 s");
  expect(duration(300_000)).toEqual(["300", "s"]);
  expect(ms(9999)).toBe("9,999");
});
