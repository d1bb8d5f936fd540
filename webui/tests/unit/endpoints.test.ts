import { describe, expect, it } from "vitest";
import { ROW } from "../../src/live/columns";
import { RowTable } from "../../src/live/rows";
import { sorted, timeShare, valueOf, worstFirst, type Table } from "../../src/screens/endpoints/model";
import { row } from "./messages";

/** Name, requests, failures, mean. */
function tableOf(...lines: [string, number, number, number][]): Table {
  const rows = new RowTable();
  const numbers = (id: number, requests: number, failures: number, mean: number): number[] => {
    const all = row(id, requests);
    all[ROW.failures] = failures;
    all[ROW.mean] = mean;
    return all;
  };
  lines.forEach(([name, ...rest], i) => {
    rows.define(i + 1, "GET", name);
    rows.set(numbers(i + 1, ...rest));
  });
  return { rows, total: numbers(0, lines.reduce((sum, line) => sum + line[1], 0), lines.reduce((sum, line) => sum + line[2], 0), 10) };
}

function names(table: Table, slots: number[]): string[] {
  return slots.map((slot) => table.rows.names[slot]!);
}

function worst(table: Table): string[] {
  const column = worstFirst(table) === "-failures" ? (slot: number) => valueOf(table, slot, ROW.failures) : (slot: number) => timeShare(table, slot);
  return names(table, sorted(table.rows, table.rows.ids.map((_, slot) => slot), worstFirst(table), column, (slot) => timeShare(table, slot)));
}

describe("the order nobody asked for", () => {
  it("has what fails first, however little time it takes", () => {
    expect(worst(tableOf(["/cheap", 100, 0, 1], ["/dear", 100, 0, 90], ["/missing", 2, 2, 0.1]))).toEqual(["/missing", "/dear", "/cheap"]);
  });
  it("is that of the time spent while nothing fails", () => {
    expect(worst(tableOf(["/cheap", 100, 0, 1], ["/dear", 100, 0, 90]))).toEqual(["/dear", "/cheap"]);
  });
});
