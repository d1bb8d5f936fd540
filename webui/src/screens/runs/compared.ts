/* What is said of runs side by side: aligned courses, percentile curves and their ratio, changes in words. Pure. */
import { msUnit, percent, rate, timespan, visible } from "../../lib/format";
import type { SeriesTable, SeriesView } from "../../live/series";
import type { Tone } from "../../parts/status";

/** A rule and a row, as GET api/v1/compare has them. */
export interface Judged {
  stat: string;
  method: string;
  name: string;
  before: number | null;
  after: number | null;
  /** after / before; of shares the difference. */
  change: number | null;
  low: number | null;
  high: number | null;
  answer: string;
  /** What would tell, where it cannot be told: "about 240 s more of each run would tell"; else "". */
  more: string;
  basis: string;
}

/** method, name, change_ms; requests, failures, mean, p95 of the one run and of the other */
export type ContextRow = [string, string, number | null, number, number, number | null, number | null, number, number, number | null, number | null];

/** share; of the one run, of the other, and of their ratio: value, low, high */
export type CurvePoint = (number | null)[];

/** method, name, text, count */
export type OnlyFailure = [string, string, string, number];

export interface CompareAnswer {
  refusal: string | null;
  remarks: string;
  worse: number;
  unsure: number;
  distance: number;
  at_ms: number;
  delta: number;
  lines: Judged[];
  /** Of the steady parts; empty: they are not judged. */
  curve: CurvePoint[];
  environment: [string, unknown, unknown][];
  failures: { gone: OnlyFailure[]; new: OnlyFailure[] };
  rows: ContextRow[];
}

const isShare = (stat: string): boolean => stat === "fail_ratio";

export function valueWords(stat: string, value: number | null): string {
  if (value === null) return "–";
  if (isShare(stat)) return `${percent(value, 1)} %`;
  return stat === "rps" ? `${rate(value)}/s` : msUnit(value);
}

/** "+18 %", of shares "+0.3 pp"; never "+0" for something. */
function signed(stat: string, change: number): string {
  const value = 100 * (isShare(stat) ? change : change - 1);
  const size = Math.abs(value);
  const text = size >= 9.95 ? size.toFixed(0) : size >= 0.995 ? size.toFixed(1) : size.toFixed(2);
  return `${value < 0 ? "−" : "+"}${text} ${isShare(stat) ? "pp" : "%"}`;
}

/** "412 ms (+18 % [+9.0 %, +27 %])" */
export function changeWords({ stat, after, change, low, high }: Pick<Judged, "stat" | "after" | "change" | "low" | "high">): string {
  const value = valueWords(stat, after);
  if (change === null) return value;
  const interval = low === null || high === null ? "" : ` [${signed(stat, low)}, ${signed(stat, high)}]`;
  return `${value} (${signed(stat, change)}${interval})`;
}

const ANSWERS: Record<string, Tone> = { worse: "fail", "not worse": "pass", "cannot tell": "warn", "no data": "idle" };
export const toneOfAnswer = (answer: string): Tone => ANSWERS[answer] ?? "idle";

/** Of several comparisons with one reference: a line each, with the judgement of each of the others. */
export interface Side {
  stat: string;
  method: string;
  name: string;
  before: number | null;
  judged: (Judged | undefined)[];
}

/** The total first, then rows by what they contributed to the change of the newest comparison. */
export function sides(answers: readonly CompareAnswer[]): Side[] {
  const all = new Map<string, Side>();
  answers.forEach((answer, i) => {
    for (const line of answer.lines) {
      const key = JSON.stringify([line.stat, line.method, line.name]);
      const side = all.get(key) ?? { stat: line.stat, method: line.method, name: line.name, before: line.before, judged: answers.map(() => undefined) };
      side.judged[i] = line;
      all.set(key, side);
    }
  });
  const weight = new Map(answers.flatMap((answer) => answer.rows).map((row) => [JSON.stringify(row.slice(0, 2)), Math.abs(row[2] ?? 0)]));
  const weightOf = (side: Side): number => (side.name === "" ? Infinity : weight.get(JSON.stringify([side.method, side.name])) ?? 0);
  return [...all.values()].sort((a, b) => (weightOf(a) === weightOf(b) ? 0 : weightOf(b) - weightOf(a)));
}

/* -- courses -- */

/** The run from the start of its load on: its seconds count from there. */
export function aligned(table: SeriesTable, start: number): SeriesView {
  const { seconds } = table;
  const view = table.view(seconds[0] ?? 0, (seconds.at(-1) ?? 0) + table.step);
  return { ...view, x: view.x.map((second) => second - Math.floor(start)) };
}

/* -- percentile curves -- */

export type Curve = readonly [number, number][];

/** Of a curve at share q, between its points by a straight line; null: it does not go there. */
export function at(curve: Curve, q: number): number | null {
  const after = curve.findIndex(([share]) => share >= q);
  if (after < 0) return null;
  const [share, value] = curve[after]!;
  const before = curve[after - 1];
  if (before === undefined || share === q) return share === q ? value : null;
  return before[1] + ((q - before[0]) / (share - before[0])) * (value - before[1]);
}

/** All shares that any of the curves has, as far as the requests of each say something of them: beyond lies less than one. */
export function sharesOf(curves: readonly Curve[], counts: readonly number[]): number[] {
  const most = 1 - 1 / Math.max(2, Math.min(...counts.filter((count) => count > 0)));
  return [...new Set(curves.flatMap((curve) => curve.map(([q]) => q)))].filter((q) => q <= most).sort((a, b) => a - b);
}

/** What a percentile is of that of the reference, in percent more or less. */
export function ratios(reference: Curve, other: Curve, shares: readonly number[]): (number | null)[] {
  return shares.map((q) => {
    const [a, b] = [at(reference, q), at(other, q)];
    return a === null || b === null || !(a > 0) ? null : 100 * (b / a - 1);
  });
}

export interface Known {
  values: (number | null)[];
  low: (number | null)[];
  high: (number | null)[];
}

const knownFrom = (curve: readonly CurvePoint[], column: number, of: (value: number) => number = (value) => value): Known => {
  const at = (place: number): (number | null)[] => curve.map((point) => { const value = point[place] ?? null; return value === null ? null : of(value); });
  return { values: at(column), low: at(column + 1), high: at(column + 2) };
};

/** The reference and each of the others with their intervals, and by how many percent each of the others differs; null: one of them is not judged. */
export function knownCurves(answers: readonly CompareAnswer[]): { shares: number[]; runs: Known[]; changes: Known[] } | null {
  const count = Math.min(...answers.map(({ curve }) => curve.length)); // they begin alike, and end where one run has too few requests
  if (answers.length === 0 || count === 0) return null;
  const curves = answers.map(({ curve }) => curve.slice(0, count));
  return {
    shares: curves[0]!.map(([share]) => share!),
    runs: [knownFrom(curves[0]!, 1), ...curves.map((curve) => knownFrom(curve, 4))],
    changes: curves.map((curve) => knownFrom(curve, 7, (ratio) => 100 * (ratio - 1))),
  };
}

/* -- surroundings -- */

const HASH_SHOWN = 12; // characters tell two texts apart
const KEY_WORDS: Record<string, string> = { spawn_rate: "spawn rate", run_time: "run time", dirty: "files changed", environment: "machine", plans: "scenarios", sha256: "hash of the locustfile" };
export const keyWords = (key: string): string => KEY_WORDS[key] ?? key;

/** As the other parts of the page write it, by what it is of. */
export function plainWords(value: unknown, key = ""): string {
  if (typeof value === "number" && key === "run_time") return timespan(value) || "–";
  if (typeof value === "number" && key === "spawn_rate") return `${value}/s`;
  if (typeof value === "string" && key === "sha256") return value.slice(0, HASH_SHOWN);
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return visible(value.join(" "));
  if (typeof value === "boolean") return value ? "yes" : "no";
  return visible(typeof value === "object" ? JSON.stringify(value) : String(value));
}

/** Keys that differ in any of the comparisons: the value of the reference and of each other run. */
export function differences(answers: readonly CompareAnswer[]): { key: string; values: unknown[] }[] {
  const keys = [...new Set(answers.flatMap((answer) => answer.environment.map(([key]) => key)))];
  return keys.map((key) => {
    const found = answers.map((answer) => answer.environment.find(([name]) => name === key));
    const reference = found.find((one) => one !== undefined)![1];
    return { key, values: [reference, ...found.map((one) => (one === undefined ? reference : one[2]))] };
  });
}

/** "new", "gone" or "": whether only one of the two has the row. */
export const aloneWord = (row: ContextRow): string => (row[3] === 0 ? "new" : row[7] === 0 ? "gone" : "");
