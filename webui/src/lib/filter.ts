/* The filter of the endpoints table: words that must all match, and conditions on columns.
 *
 *     cart method:post p95>300 failed>1% /^\/api/
 */

import { TABLE } from "../live/columns";

export interface Filterable {
  method: string;
  name: string;
  /** Undefined when there is no such column. */
  number(field: string): number | undefined;
}

export type Filter = (row: Filterable) => boolean;

export interface ParsedFilter {
  test: Filter;
  /** What could not be understood, for the message beside the field; "" when all is well. */
  problem: string;
}

export const FIELDS = [...TABLE.map(([, key]) => key), "failed", "share", "size"];
const FIELD_OF = new Map(FIELDS.map((field) => [field.toLowerCase(), field]));

const CONDITION = /^([a-z0-9]+)(>=|<=|>|<|=)([0-9]*\.?[0-9]+)%?$/i;

function condition(field: string, operator: string, limit: number): Filter {
  return (row) => {
    const value = row.number(field);
    if (value === undefined || Number.isNaN(value)) return false;
    switch (operator) {
      case ">": return value > limit;
      case "<": return value < limit;
      case ">=": return value >= limit;
      case "<=": return value <= limit;
      default: return value === limit;
    }
  };
}

function term(word: string): Filter | string {
  const match = CONDITION.exec(word);
  if (match) {
    const field = FIELD_OF.get(match[1]!.toLowerCase());
    if (field === undefined) return `no column “${match[1]}”; there are ${FIELDS.join(", ")}`;
    return condition(field, match[2]!, Number(match[3]));
  }
  if (word.length > 2 && word.startsWith("/") && word.endsWith("/") && /[\\^$.*+?()[\]{}|]/.test(word)) {
    try {
      const pattern = new RegExp(word.slice(1, -1), "i");
      return (row) => pattern.test(row.name);
    } catch {
      return `“${word}” is not a regular expression`;
    }
  }
  const lower = word.toLowerCase();
  if (lower.startsWith("method:")) {
    const method = lower.slice(7);
    return (row) => row.method.toLowerCase() === method;
  }
  return (row) => row.name.toLowerCase().includes(lower) || row.method.toLowerCase() === lower;
}

export function parseFilter(text: string): ParsedFilter {
  const tests: Filter[] = [];
  const problems: string[] = [];
  for (const word of text.trim().split(/\s+/)) {
    if (word === "") continue;
    const made = term(word);
    if (typeof made === "string") problems.push(made);
    else tests.push(made);
  }
  return { test: (row) => tests.every((test) => test(row)), problem: problems.join("; ") };
}
