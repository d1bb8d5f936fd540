/* What the endpoints table shows: the rows of the range, or groups of them; filtered and sorted. A
 * row is its slot; slot TOTAL is all requests. */
import { parseFilter } from "../../lib/filter";
import { ROW } from "../../live/protocol";
import type { RowTable } from "../../live/rows";

export const TOTAL = -1;

/** The table of the screen with its total under one roof. */
export interface Table {
  rows: RowTable;
  total: readonly (number | null)[];
}

export function valueOf(table: Table, slot: number, column: number): number {
  return slot === TOTAL ? (table.total[column] ?? NaN) : table.rows.get(slot, column);
}

export function failedPart(table: Table, slot: number): number {
  const all = valueOf(table, slot, ROW.requests);
  return all > 0 ? (100 * valueOf(table, slot, ROW.failures)) / all : 0;
}

/** The part of all time that users spend in this endpoint. */
export function timeShare(table: Table, slot: number): number {
  const spent = (at: number): number => valueOf(table, at, ROW.requests) * (valueOf(table, at, ROW.mean) || 0);
  const all = spent(TOTAL);
  return all > 0 ? (100 * spent(slot)) / all : 0;
}

export type NumberOf = (slot: number) => number;

export function filtered(table: Table, numbers: Record<string, NumberOf>, text: string): { slots: number[]; problem: string } {
  const { test, problem } = parseFilter(text);
  const { rows } = table;
  const slots: number[] = [];
  let at = 0;
  const row = {
    get method(): string { return rows.methods[at]!; },
    get name(): string { return rows.names[at]!; },
    number: (field: string): number | undefined => numbers[field]?.(at),
  };
  if (text.trim() === "") for (at = 0; at < rows.length; at++) slots.push(at);
  else for (at = 0; at < rows.length; at++) if (test(row)) slots.push(at);
  return { slots, problem };
}

/** ties: what decides, most first, between rows whose number is the same; then the name. */
export function sorted(rows: RowTable, slots: number[], sort: string, number: NumberOf | null, ties: NumberOf | null = null): number[] {
  const sign = sort.startsWith("-") ? -1 : 1;
  const byName = (a: number, b: number): number => {
    const [x, y] = [rows.names[a]!, rows.names[b]!];
    if (x !== y) return x < y ? -1 : 1;
    return rows.methods[a]! < rows.methods[b]! ? -1 : 1;
  };
  if (number === null) {
    const texts = sort.replace("-", "") === "method" ? rows.methods : rows.names;
    return [...slots].sort((a, b) => (texts[a]! < texts[b]! ? -sign : texts[a]! > texts[b]! ? sign : byName(a, b)));
  }
  // Numbers are read once: comparing is most of the work of ten thousand rows.
  const read = (of: NumberOf): Float64Array => {
    const keys = new Float64Array(rows.length);
    for (const slot of slots) {
      const value = of(slot);
      keys[slot] = Number.isNaN(value) ? -Infinity : value;
    }
    return keys;
  };
  const [keys, then] = [read(number), ties === null ? null : read(ties)];
  return [...slots].sort((a, b) => sign * (keys[a]! - keys[b]!) || (then === null ? 0 : then[b]! - then[a]!) || byName(a, b));
}

/** What hurts comes first: failures, where there are any; then where the time goes. */
export function worstFirst(table: Table): string {
  return valueOf(table, TOTAL, ROW.failures) > 0 ? "-failures" : "-share";
}

/** Long names keep both ends: the part that differs is often the last. */
export function middle(name: string, most: number, end = 18): [string, string] {
  if (name.length <= most) return [name, ""];
  return [name.slice(0, name.length - end), name.slice(-end)];
}
