/* Levels of a figure over runs, and their changes in words. Pure. */
import { msUnit, percent, rate, timeOfDay } from "../../lib/format";

const LEAST_RUNS = 4;

export interface TrendPoint {
  id: string;
  started: number;
  is_good: boolean;
  commit: string;
  note: string;
  pin: string;
  value: number | null;
  /** Of its steady part, with its 95 % interval; null: an older Katydid stored it. blocks 0: of the whole run, by the number of requests alone. */
  steady?: { value: number; low: number | null; high: number | null; n: number; blocks: number } | null;
}

export interface TrendAnswer {
  metric: string;
  method: string;
  name: string;
  /** The oldest first. */
  points: TrendPoint[];
  /** Indexes of points. */
  steps: { from: number; to: number; n: number; level: number }[];
  changes: { at: number; id: string; change: number; p: number }[];
  expected: [number, number] | null;
  profiles: string[];
}

export const METRICS: readonly [string, string][] = [["p95", "p95"], ["p50", "p50"], ["p90", "p90"], ["p99", "p99"], ["p999", "p99.9"], ["mean", "Mean"], ["rps", "Requests/s"], ["fail_ratio", "Failed"]];

export function valueOf(metric: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return metric === "fail_ratio" ? `${percent(value, 1)} %` : metric === "rps" ? `${rate(value)}/s` : msUnit(value);
}

/** Ratios as percent, of shares the difference in percentage points. */
export function changeOf(metric: string, change: number): string {
  const value = 100 * (metric === "fail_ratio" ? change : change - 1);
  return `${value < 0 ? "−" : "+"}${Math.abs(value) >= 10 ? Math.abs(value).toFixed(0) : Math.abs(value).toFixed(2)} ${metric === "fail_ratio" ? "pp" : "%"}`;
}

/** Of requests per second less is worse, of all else more. */
export const isWorse = (metric: string, change: number): boolean => (metric === "rps" ? change < 1 : change > (metric === "fail_ratio" ? 0 : 1));

export const dayOf = (point: TrendPoint): string => new Date(point.started * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short" });

/** What tells a run from the others on an axis: its day, or where several are of one day the time too. */
export function ticksOf(points: readonly TrendPoint[]): string[] {
  const days = points.map(dayOf);
  const kinds = new Set(days).size;
  if (kinds === points.length) return days;
  const seconds = points.map(({ started }) => timeOfDay(started));
  const minutes = seconds.map((time) => time.slice(0, 5));
  const named = (times: readonly string[]): string[] => (kinds === 1 ? [...times] : days.map((day, i) => `${day} ${times[i]}`));
  return new Set(named(minutes)).size === points.length ? named(minutes) : named(seconds);
}

/** Whether a level was found, in a sentence; "": it changed. */
export function levelWords({ points, changes }: Pick<TrendAnswer, "points" | "changes">): string {
  if (changes.length > 0) return "";
  return points.filter((point) => point.is_good && point.value !== null).length < LEAST_RUNS ? "There are too few runs to tell whether the level has changed." : "The level has not changed.";
}

/** How well each point is known, for a band; null: not at all. */
export function bandOf({ points }: Pick<TrendAnswer, "points">): { low: (number | null)[]; high: (number | null)[] } {
  const end = (key: "low" | "high"): (number | null)[] => points.map(({ is_good, steady }) => (is_good ? steady?.[key] ?? null : null));
  return { low: end("low"), high: end("high") };
}

/** The level at each point; null outside of all. */
export function levelsOf({ points, steps }: Pick<TrendAnswer, "points" | "steps">): (number | null)[] {
  return points.map((_, i) => steps.find(({ from, to }) => i >= from && i <= to)?.level ?? null);
}
