/* What the master says (docs/api.md). Rows, points and workers are arrays; the order of their
 * values is fixed by protocol 1 and listed here once. */

export const PROTOCOL = 1;

export const ROW = {
  id: 0, requests: 1, failures: 2, cut: 3, rps: 4, failRps: 5, mean: 6, min: 7, max: 8,
  median: 9, p50: 10, p90: 11, p95: 12, p99: 13, p999: 14, totalRps: 15, totalFailRps: 16,
  size: 17,
} as const;
export const ROW_WIDTH = 18;
export type RowColumn = Exclude<keyof typeof ROW, "id">;

/** second, rps, failRps, p50, p95, p99, mean, users, target */
export type Point = [number, ...(number | null)[]];
export const POINT = {
  second: 0, rps: 1, failRps: 2, p50: 3, p95: 4, p99: 5, mean: 6, users: 7, target: 8,
} as const;
export const POINT_WIDTH = 9;

/** id, index, state, users, cpu, memory, lag, is_katydid, requests, rps */
export type WorkerTuple = [
  string, number, string, number, number | null, number, number | null, boolean, number,
  number | null,
];

/** name, weight, fixed_count, users */
export type ClassTuple = [string, number, number, number];

export interface RunFields {
  tick: number;
  now: number;
  boot: string;
  run: string;
  state: string;
  host: string;
  notice: string;
  started: number;
  ended: number;
  run_time: number;
  users: number;
  target: number;
  rate: number;
  shape: boolean;
  distributed: boolean;
}

export interface Hello extends RunFields {
  type: "hello";
  protocol: number;
  version: string;
  locustfile: string;
}

export interface Tick extends RunFields {
  type: "tick";
  since: number;
  total: (number | null)[];
  defs: [number, string, string][];
  rows: (number | null)[][];
  first_second: number;
  points: Point[];
  failures: [number, number];
  exceptions: [number, number];
  workers: WorkerTuple[];
  classes: ClassTuple[];
}

export interface Bye {
  type: "bye";
  why: string;
}

export type Message = Hello | Tick | Bye;

export interface Series {
  boot: string;
  run: string;
  points: Point[];
}

export interface Failure {
  count: number;
  method: string;
  name: string;
  text: string;
  first: number;
  last: number;
}

export interface Exception {
  count: number;
  message: string;
  traceback: string;
  nodes: string;
  first: number;
  last: number;
}

/** A text of the socket, or null when it is none that this page understands. */
export function parseMessage(text: string): Message | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const type = (value as { type?: unknown } | null)?.type;
  return type === "hello" || type === "tick" || type === "bye" ? (value as Message) : null;
}
