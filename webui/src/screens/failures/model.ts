/* Failures as rows of a table: grouped by what a person wants to compare. Pure. */
import type { Failure } from "../../live/protocol";
import { causeOf } from "./cause";

export const GROUPINGS = ["cause", "kind", "endpoint", "worker"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface FailingEndpoint {
  method: string;
  name: string;
  inRange: number;
}

export interface FailureRow {
  key: string;
  method: string;
  name: string;
  message: string;
  /** The messages as they came, the most frequent first; more than one where they were merged. */
  texts: string[];
  ids: number[];
  /** Of a cause, the one with most failures first; else the one of the row. */
  endpoints: FailingEndpoint[];
  inRange: number;
  count: number;
  first: number;
  last: number;
  trend: number[];
}

/** In the range of the page; a master that does not count by range counts all. */
export function inRange(failure: Failure): number {
  return failure.in_range ?? failure.count;
}

function textsOf(failure: Failure): string[] {
  return failure.texts === undefined || failure.texts.length === 0 ? [failure.text] : [...failure.texts].sort((a, b) => b[1] - a[1]).map(([text]) => text);
}

/** A text that stands for itself is shown as it is. */
function messageOf(failure: Failure): string {
  return failure.texts?.length === 1 && failure.texts[0]![1] === failure.count ? failure.text : failure.kind ?? failure.text;
}

function added(a: number[], b: number[]): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0));
}

function keyOf(failure: Failure, by: Grouping): string {
  if (by === "cause") return causeOf(messageOf(failure));
  const endpoint = `${failure.method}\n${failure.name}`;
  return by === "endpoint" ? endpoint : `${endpoint}\n${failure.kind ?? failure.text}`;
}

function addEndpoint(endpoints: FailingEndpoint[], failure: Failure): void {
  const known = endpoints.find(({ method, name }) => method === failure.method && name === failure.name);
  if (known === undefined) endpoints.push({ method: failure.method, name: failure.name, inRange: inRange(failure) });
  else known.inRange += inRange(failure);
}

/** Messages that differ in numbers and addresses only are one kind; those with nothing in the
 * range are left out; the most frequent come first. */
export function rowsOf(failures: readonly Failure[], by: Grouping): FailureRow[] {
  const rows = new Map<string, FailureRow>();
  for (const failure of [...failures].sort((a, b) => inRange(b) - inRange(a))) {
    if (inRange(failure) === 0) continue;
    const key = keyOf(failure, by);
    const ids = failure.id === undefined ? [] : [failure.id];
    const row = rows.get(key);
    if (row === undefined) {
      rows.set(key, {
        key, method: failure.method, name: failure.name, message: by === "cause" ? key : messageOf(failure), texts: textsOf(failure), ids,
        endpoints: [{ method: failure.method, name: failure.name, inRange: inRange(failure) }],
        inRange: inRange(failure), count: failure.count, first: failure.first, last: failure.last, trend: failure.trend ?? [],
      });
      continue;
    }
    row.texts.push(...textsOf(failure));
    row.ids.push(...ids);
    addEndpoint(row.endpoints, failure);
    row.inRange += inRange(failure);
    row.count += failure.count;
    row.first = Math.min(row.first, failure.first);
    row.last = Math.max(row.last, failure.last);
    row.trend = added(row.trend, failure.trend ?? []);
  }
  for (const row of rows.values()) row.endpoints.sort((a, b) => b.inRange - a.inRange);
  return [...rows.values()].sort((a, b) => b.inRange - a.inRange);
}
