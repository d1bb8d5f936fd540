/* What the master says of thresholds and of what was counted in series (docs/api.md). */

export type GateState = "not yet" | "pass" | "fail" | "no data";

export interface Threshold {
  text: string;
  name: string | null;
  source: string;
  k6: boolean;
  /** In words; a metric with its tags: "checks{check:status is 200}". */
  scope: string;
  stat: string;
  metric: string | null;
  method: string | null;
  row: string | null;
  op: string;
  limit: number;
  unit: string;
  mode: "all" | "for" | "within" | "over";
  window: number;
  action: "continue" | "stop" | "warn";
  scenario?: string; // that alone is stopped
  after: number;
  warmup: number;
  min_samples: number;
  no_data: "fail" | "pass" | "warn";
  value: number | null;
  n: number;
  state: GateState;
  valid: boolean;
  /** The run fails by it, as it is now. */
  failed: boolean;
  stopped: boolean;
  first_failed: number | null;
  first_value: number | null;
  why: string;
  warning: string | null;
  /** The value with its unit. */
  shown: string;
  spark: (number | null)[];
}

/** from, to, index of the worker (-1: it is gone), its name, why */
export type InvalidSpan = [number, number, number, string, string];

export interface Judged {
  over: boolean;
  passed: boolean;
  failed: number;
  valid: boolean;
  invalid: InvalidSpan[];
  code?: number;
  fail_on_invalid: boolean;
  reasons: string;
  since: number;
  until: number;
  thresholds: Threshold[];
}

export interface MetricSeries {
  metric: string;
  type: "counter" | "gauge" | "rate" | "trend";
  unit: string;
  tags: Record<string, string>;
  /** Of all that found no series of its own. */
  other: boolean;
  count: number;
  passes?: number;
  fails?: number;
  first_failed?: number;
  last_failed?: number;
  sum?: number;
  value?: number;
  mean?: number;
  min?: number;
  max?: number;
  percentiles?: Record<"50" | "90" | "95" | "99", number | null>;
  first?: number;
  last?: number;
  /** Of a gauge: what each worker said last, where the range has all of it. */
  workers?: { worker: string; value: number; at: number }[];
}

export interface MetricsAnswer {
  series: MetricSeries[];
  left_out: number;
}

/** A step of a metric's course, in the order of COURSE. */
export type CoursePoint = [number, ...(number | null)[]];
export const COURSE = { second: 0, count: 1, hits: 2, sum: 3, min: 4, max: 5, last: 6, p50: 7, p90: 8, p95: 9, p99: 10 } as const;

export interface CourseAnswer {
  step: number;
  points: CoursePoint[];
}

/** Of one series, exactly these tags; or of all of the metric, added up. */
export interface CourseOf {
  metric: string;
  tags: Record<string, string> | null;
}

/** Of one series: exactly these tags. */
export interface SeriesName {
  metric: string;
  tags: Record<string, string>;
}
