import { describe, expect, it } from "vitest";
import { POINT } from "../../src/live/protocol";
import { SeriesTable } from "../../src/live/series";
import { point } from "./messages";

const rps = (table: SeriesTable) => (at: number) => table.columns[POINT.rps]![at] ?? null;

describe("the seconds", () => {
  it("stay sorted, whatever order they come in, and are replaced by later words", () => {
    const table = new SeriesTable();
    for (const [second, value] of [[10, 1], [12, 3], [11, 2], [12, 4]] as const) table.set(point(second, value));
    expect(table.window([rps(table)], 0)).toEqual([[10, 11, 12], [1, 2, 4]]);
  });
  it("draw a silence as a gap", () => {
    const table = new SeriesTable();
    for (const second of [10, 11, 20]) table.set(point(second));
    expect(table.window([rps(table)], 0)).toEqual([[10, 11, 12, 20], [1, 1, null, 1]]);
  });
  it("show the last seconds of a range", () => {
    const table = new SeriesTable();
    for (let second = 0; second < 100; second++) table.set(point(second));
    expect(table.window([], 10)[0]![0]).toBe(89);
  });
  it("keep an hour at most", () => {
    const table = new SeriesTable();
    for (let second = 1; second <= 4000; second++) table.set(point(second));
    table.trim(1);
    expect([table.length, table.seconds[0]]).toEqual([3600, 401]);
  });
});
