import { describe, expect, it } from "vitest";
import { POINT } from "../../src/live/protocol";
import { SeriesTable, sideBySide } from "../../src/live/series";
import { point } from "./messages";

const rps = (table: SeriesTable, from = 0, to = 1e9): unknown[] => {
  const view = table.view(from, to);
  return [view.x, view.column(POINT.rps)];
};

describe("the seconds", () => {
  it("stay sorted, whatever order they come in, and are replaced by later words", () => {
    const table = new SeriesTable();
    for (const [second, value] of [[10, 1], [12, 3], [11, 2], [12, 4]] as const) table.set(point(second, value));
    expect(rps(table)).toEqual([[10, 11, 12], [1, 2, 4]]);
  });
  it("draw a silence as a gap", () => {
    const table = new SeriesTable();
    for (const second of [10, 11, 20]) table.set(point(second));
    expect(rps(table)).toEqual([[10, 11, 12, 20], [1, 1, null, 1]]);
  });
  it("show the seconds of a range", () => {
    const table = new SeriesTable();
    for (let second = 0; second < 100; second++) table.set(point(second));
    expect(rps(table, 89, 92)).toEqual([[89, 90, 91], [1, 1, 1]]);
    expect(table.view(500, 600).x).toEqual([]);
  });
  it("keep what a narrower word does not say", () => {
    const table = new SeriesTable();
    table.set(Array.from({ length: 29 }, (_, i) => (i === 0 ? 10 : i)) as [number, ...number[]]);
    table.set(point(10, 7));
    expect([table.last(POINT.rps), table.last(POINT.cpu)]).toEqual([7, 28]);
  });
  it("of several endpoints stand side by side, and what one has not is no silence", () => {
    const [often, seldom] = [new SeriesTable(), new SeriesTable()];
    for (const second of [10, 11, 12]) often.set(point(second, second));
    for (const second of [10, 12, 13]) seldom.set(point(second, 1));
    const both = sideBySide([often.view(0, 100), seldom.view(0, 100)], POINT.rps);
    expect([both.x, both.column(0), both.column(1), both.column(2)]).toEqual([[10, 11, 12, 13], [10, 11, 12, undefined], [1, undefined, 1, 1], []]);
  });
  it("know how long nothing came", () => {
    const table = new SeriesTable();
    expect(table.silence(POINT.rps)).toBe(0);
    for (let second = 10; second <= 30; second++) table.set(point(second, second < 15 ? 1 : 0));
    expect(table.silence(POINT.rps)).toBe(16);
  });
  it("keep an hour at most, the newest one", () => {
    const table = new SeriesTable();
    for (let second = 1; second <= 4000; second++) table.set(point(second, second));
    expect([table.length, table.seconds[0], table.last(POINT.rps)]).toEqual([3600, 401, 4000]);
    table.set(point(400));
    expect([table.length, table.seconds[0]]).toEqual([3600, 401]);
  });
  it("of an hour that is full still change where a late word is of", () => {
    const table = new SeriesTable(4);
    for (const second of [10, 11, 13, 14, 12, 11]) table.set(point(second, second));
    expect(rps(table)).toEqual([[11, 12, 13, 14], [11, 12, 13, 14]]);
    table.trim(13);
    table.set(point(12, 7));
    expect(rps(table)).toEqual([[12, 13, 14], [7, 13, 14]]);
    table.trim(0);
    expect(table.length).toBe(0);
  });
});
