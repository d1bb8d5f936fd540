/* What the master says (docs/api.md). Rows, points and workers are arrays; the order of their
 * values is fixed by protocol 1 and listed here once; that of rows in columns.ts. */

import { ROW_WIDTH } from "./columns";
export { ROW, ROW_WIDTH } from "./columns";

export const PROTOCOL = 1;

/** Columns of rows as the bits of a number. There are more of them than bitwise operators know. */
export const bitsOf = (...columns: number[]): number => [...new Set(columns)].reduce((bits, column) => bits + 2 ** column, 0);
export const columnsOf = (bits: number): number[] => Array.from({ length: ROW_WIDTH }, (_, i) => i).filter((i) => Math.floor(bits / 2 ** i) % 2 === 1);
export const ALL_COLUMNS = 2 ** ROW_WIDTH - 1;

/** A step of a series. Answers times are null where nothing was answered. */
export type Point = [number, ...(number | null)[]];
export const POINT = {
  second: 0, rps: 1, failRps: 2, p50: 3, p95: 4, p99: 5, mean: 6, users: 7, target: 8,
  p75: 9, p90: 10, p999: 11, max: 12, s0: 13, s2: 14, s3: 15, s4: 16, s5: 17, sent: 18, received: 19,
  queue: 20, dns: 21, connect: 22, tls: 23, send: 24, wait: 25, receive: 26, lag: 27, cpu: 28,
} as const;
export const POINT_WIDTH = 29;
export type PointColumn = keyof typeof POINT;

/** id, index, state, users, cpu, memory, lag, is_katydid, requests, rps, lag_p99, fds, connections, cpu_limit, throttled, starved, weight, clock_error */
export type WorkerTuple = [
  string, number, string, number, number | null, number, number | null, boolean, number,
  number | null, (number | null)?, (number | null)?, (number | null)?, (number | null)?, number?, (number | null)?, (number | null)?, (number | null)?,
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
  /** What ended the run, once it is over; absent from an older report. */
  ended_by?: string;
  /** Users and rate that a start without its own begins with; null: none. */
  next?: [number | null, number | null];
  /** Lines of ERROR and worse so far. */
  log_errors?: number;
  shape: boolean;
  /** How many scenarios decide about the users: target and rate mean nothing then. */
  scenarios?: number;
  /** Those, or of -i and --ips, which leave the users alone; absent: none. */
  plans?: number;
  /** That of the locustfile is on: the load has not begun, or is over. */
  setup?: boolean;
  teardown?: boolean;
  distributed: boolean;
  /** name, ticks that were left out, why the last one was or "": of tables and files that lack something */
  outputs?: [string, number, string][];
}

export interface Hello extends RunFields {
  type: "hello";
  protocol: number;
  version: string;
  locustfile: string;
  /** Where workers join without keys, in clear; absent: nowhere. */
  stock_port?: number;
}

export interface Tick extends RunFields {
  type: "tick";
  since: number;
  /** What the rows have, as bits; absent: all columns. */
  columns?: number;
  total: (number | null)[];
  defs: [number, string, string][];
  rows: (number | null)[][];
  first_second: number;
  points: Point[];
  failures: [number, number];
  exceptions: [number, number];
  workers: WorkerTuple[];
  classes: ClassTuple[];
  timeline?: { first: number; bytes: number; limit: number };
  events?: number;
  saturated?: boolean;
  /** How many thresholds there are, and how many of them fail the run as they are now. */
  verdict?: { thresholds: number; failed: number };
  /** How many series something was counted in: checks, groups, metrics. */
  series?: number;
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
  step?: number;
}

/** What happened: start, stop, users, stage, worker, marker, reset, saturated, threshold. */
export interface RunEvent {
  at: number;
  kind: string;
  text: string;
}

/** from, to, index of the worker, why */
export type Saturated = [number, number, number, string];

/** index, requests, failures, cpu_mean, cpu_max, lag_max_ms, users_mean */
export type RangeWorker = [number, number, number, number | null, number | null, number | null, number | null];

/** GET api/v1/range: every number of a range, merged from histograms. */
export interface RangeAnswer {
  from: number;
  to: number;
  step: number;
  run: string;
  complete: boolean;
  columns: string[];
  total: (number | null)[];
  rows: (number | null)[][];
  failures: [number, number, number, number][];
  workers: RangeWorker[];
  valid: boolean;
  saturated: Saturated[];
  /** from, to, worker: of which not everything that was measured has come. */
  lost: [number, number, string][];
}

/** The same, rows merged into groups: [method, "*" for several; name; members]. Row n + 1 is group n. */
export interface GroupsAnswer extends RangeAnswer {
  groups: [string, string, number][];
}

export interface HeatmapAnswer {
  from: number;
  step: number;
  bounds_ms: number[];
  cells: [number, number, number][];
  max: number;
}

export interface DistributionAnswer {
  count: number;
  failed: number;
  buckets: [number, number, number, number][];
  curve: [number, number][];
  ci95: Partial<Record<"p50" | "p95" | "p99", [number | null, number | null]>>;
}

export interface Failure {
  id?: number;
  in_range?: number;
  trend?: number[];
  /** What its texts have in common: numbers and ids are "#". */
  kind?: string;
  /** Texts as they came, at most 20, and how often; together less than count when there are more. */
  texts?: [string, number][];
  count: number;
  method: string;
  name: string;
  text: string;
  first: number;
  last: number;
}

export interface Exception {
  count: number;
  /** The name of its class; "": told by a stock worker, which does not say; absent from an older report. */
  type?: string;
  message: string;
  traceback: string;
  nodes: string;
  first: number;
  last: number;
}

/** One request as its worker wrote it down. */
export interface Sample {
  at: number;
  worker?: string;
  user: string | null;
  method: string;
  name: string;
  url: string;
  status: number | null;
  time_ms: number | null;
  phases: Record<string, number> | null;
  request_headers: [string, string][] | null;
  request_body: string | null;
  response_headers: [string, string][] | null;
  response_body: string | null;
  trace?: string | null;
  error: string | null;
}

/** A log line: seq, unix seconds, level, source, logger, text, how often in a row */
export type LogTuple = [number, number, string, string, string, string, number];

export interface LogsAnswer {
  seq: number;
  first: number;
  dropped: number;
  lines: LogTuple[];
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
