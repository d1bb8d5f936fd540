/* Stored runs as the master lists them (docs/api.md), and what is written of them. Pure. */
import { count, dayAndTime, msUnit, percent, rate, timespan, visible } from "../../lib/format";
import type { Tone } from "../../parts/status";

export interface Run {
  id: string;
  run?: string;
  state: string;
  started?: number;
  duration?: number | null;
  profile?: string;
  locustfile?: string;
  host?: string;
  users?: number | null;
  /** How many there were at once, at most. */
  users_most?: number | null;
  /** Of scenarios that count them. */
  iterations?: { started: number };
  plans?: number;
  requests?: number;
  failures?: number;
  fail_ratio?: number;
  rps?: number | null;
  p50?: number | null;
  p95?: number | null;
  p99?: number | null;
  verdict: string;
  valid?: boolean;
  commit?: string;
  branch?: string;
  dirty?: boolean;
  note?: string;
  pin?: string;
  tags?: Record<string, string>;
  spark?: number[];
}

export interface RunsAnswer {
  runs: Run[];
  total: number;
  profiles: string[];
  notice: string;
}

export const PAGE = 50;
export const COMPARED_MOST = 5;
export const VERDICTS: readonly [string, string][] = [["", "Any result"], ["passed", "Passed"], ["failed", "Failed"], ["-", "Without thresholds"], ["not valid", "Not valid"], ["interrupted", "Interrupted"], ["running", "Running"]];

/** The address of the list with these filters, as the page's own query has them. */
export function listPath(query: Record<string, string>): string {
  const page = Math.max(0, Math.floor(Number(query["page"] ?? 0)) || 0);
  const fields: [string, string | undefined][] = [["text", query["text"]], ["profile", query["profile"]], ["verdict", query["verdict"]], ["valid", query["valid"]], ["skip", page > 0 ? String(page * PAGE) : ""]];
  const search = new URLSearchParams(fields.filter((field): field is [string, string] => (field[1] ?? "") !== ""));
  search.set("limit", String(PAGE));
  return `runs?${search}`;
}

const RESULTS: Record<string, [Tone, string]> = {
  passed: ["pass", "passed"], failed: ["fail", "failed"], "not valid": ["warn", "not valid"], interrupted: ["warn", "interrupted"], running: ["info", "running"],
};
/** null: it had no thresholds, and nothing was wrong. */
export const resultOf = (run: Run): [Tone, string] | null => RESULTS[run.verdict] ?? null;

/** "GET /cart of shop.py": what its runs have in common. */
export const profileOf = (run: Run): string => visible(run.profile || baseName(run.locustfile ?? ""));

export function baseName(path: string): string {
  return path.split("/").at(-1) ?? path;
}

export function whenOf(run: Run): string {
  return run.started === undefined ? "–" : dayAndTime(run.started);
}

/** What people call it: its pin, its note, or what it has in common with others. */
export const nameOf = (run: Run): string => visible(run.pin || run.note || "") || profileOf(run) || whenOf(run);

/** What else tells it from those of that name. */
export const momentOf = (run: Run): string => [...new Set([nameOf(run), profileOf(run), whenOf(run)])].slice(1).join(" · ");

export const commitOf = (run: Run): string => (run.commit ? `${visible(run.commit.slice(0, 8))}${run.dirty ? " + changes" : ""}` : "");
/** Of one that runs it is not told to the second: it is none. */
export const lengthOf = (run: Run): string => (run.state === "running" ? "" : timespan(Math.round(run.duration ?? 0))) || "–";
export const failedOf = (run: Run): string => (run.requests ? `${percent(run.failures ?? 0, run.requests)} %` : "–");

/** Scenarios have users as they need them: as many as there were at most. */
export const usersOf = (run: Run): string => count(run.plans ? run.users_most : run.users);
export const iterationsOf = (run: Run): string => (run.iterations === undefined ? "" : `${count(run.iterations.started)} iterations`);

/** Of a run in a sentence, for those who do not see the table. */
export const sentenceOf = (run: Run): string => `${profileOf(run)} of ${whenOf(run)}: ${usersOf(run)} users, ${rate(run.rps)} requests/s, p95 ${msUnit(run.p95)}`;

/** Ticks one more or one less; of more than can be compared the oldest tick goes. */
export function ticked(chosen: readonly string[], id: string): string[] {
  if (chosen.includes(id)) return chosen.filter((one) => one !== id);
  return [...chosen, id].slice(-COMPARED_MOST);
}

/** The figure over the runs of the list, the oldest first. */
export const overRuns = (runs: readonly Run[], figure: (run: Run) => number | null | undefined): (number | null)[] => [...runs].reverse().map((run) => figure(run) ?? null);
