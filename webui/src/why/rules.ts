/* Why the run is as it is: sentences computed from the numbers of the range, the weightiest first, each
 * with the place that shows it. Every rule is a function of its own and says nothing when in doubt. Pure. */
import { count, msUnit, percent, visible } from "../lib/format";
import { oncePer } from "../lib/once";
import type { Screen } from "../lib/route";
import type { Failure, RangeWorker } from "../live/protocol";
import { causeOf } from "../screens/failures/cause";

export interface WhyRow {
  method: string;
  name: string;
  requests: number;
  failures: number;
  p95: number;
}

/** Values per step of the range; null where nothing was measured. */
export interface WhyCourse {
  x: readonly number[];
  step: number;
  users: readonly (number | null)[];
  rps: readonly (number | null)[];
  p95: readonly (number | null)[];
  /** Mean ms of the phases, by their name in words. */
  phases: readonly { word: string; values: readonly (number | null)[] }[];
}

export interface WhyData {
  requests: number;
  failures: number;
  rows: readonly WhyRow[];
  kinds: readonly Failure[];
  workers: readonly RangeWorker[];
  /** The numbers go on: a sentence stays for some seconds, and is exact about none of them. */
  isMoving: boolean;
  course: WhyCourse;
}

export interface Finding {
  id: string;
  text: string;
  /** Where it is seen; from and to: the range that shows it. */
  link: { label: string; screen: Screen; query?: Record<string, string>; from?: number; to?: number };
  /** The second that the sentence speaks of; its time is written in front. */
  at?: number;
  weight: number;
}

const MOST = 2; // sentences
const ENOUGH = 20; // requests, before a part of them says something
const STEPS_BEFORE = 5; // that a course needs before it may have changed
const SUSTAINED = 3; // steps

const NAME_MOST = 80; // characters
const endpoint = ({ method, name }: { method: string; name: string }): string => `${visible(method)} ${visible(name.slice(0, NAME_MOST))}`.trim();

interface Cause {
  words: string;
  failures: number;
  endpoints: Map<string, number>;
}

/** Several rules look at them. */
const causesOf = oncePer((kinds: readonly Failure[]): Cause[] => {
  const causes = new Map<string, Cause>();
  for (const kind of kinds) {
    const n = kind.in_range ?? kind.count;
    if (n === 0) continue;
    const words = causeOf(kind.kind ?? kind.text);
    const cause = causes.get(words) ?? { words, failures: 0, endpoints: new Map<string, number>() };
    const where = endpoint(kind);
    cause.failures += n;
    cause.endpoints.set(where, (cause.endpoints.get(where) ?? 0) + n);
    causes.set(words, cause);
  }
  return [...causes.values()].sort((a, b) => b.failures - a.failures);
});

/** A part in percent, in words. */
function part(data: WhyData, some: number, all: number): string {
  const value = (100 * some) / all;
  return data.isMoving ? (value < 1 ? "less than 1 %" : value > 99 ? "more than 99 %" : `about ${Math.round(value)} %`) : `${percent(some, all)} %`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const TO_FAILURES = { label: "Failures", screen: "failures" } as const;
const LOGIN = /^40[13] /;

export function everythingFails(data: WhyData): Finding | null {
  if (data.requests === 0 || data.failures < data.requests) return null;
  const [first, ...others] = causesOf(data.kinds);
  const all = data.isMoving ? "All requests" : data.requests === 1 ? "The only request" : `All ${count(data.requests)} requests`;
  if (first === undefined) return { id: "all-failed", text: `${all} failed.`, link: TO_FAILURES, weight: 100 };
  const hint = LOGIN.test(first.words) ? " The requests carry no login that the target accepts." : /refused/.test(first.words) ? " Nothing listens at the host." : "";
  const rest = others.length === 0 ? "" : data.isMoving ? ", most of them" : `, most of them (${count(first.failures)})`;
  return { id: "all-failed", text: `${all} failed${rest}: ${first.words}.${hint}`, link: TO_FAILURES, weight: 100 };
}

export function oneCause(data: WhyData): Finding | null {
  if (data.failures === 0 || data.failures >= data.requests) return null;
  const [first] = causesOf(data.kinds);
  if (first === undefined || first.failures < 0.5 * data.failures) return null;
  const [[where, most] = ["", 0]] = [...first.endpoints].sort((a, b) => b[1] - a[1]);
  const place = first.endpoints.size === 1 ? ` at ${where}` : most >= 0.5 * first.failures ? `, most at ${where}` : ` at ${count(first.endpoints.size)} endpoints`;
  const whichPart = first.failures >= data.failures ? "all of them" : `${part(data, first.failures, data.failures)} of them`;
  return {
    id: "one-cause", text: `${capital(part(data, data.failures, data.requests))} of the requests failed, ${whichPart}: ${first.words}${place}.`, link: TO_FAILURES,
    weight: 40 + 50 * Math.min(1, data.failures / data.requests / 0.2),
  };
}

/** No cause has most of the failures, or none is known. */
export function manyCauses(data: WhyData): Finding | null {
  if (data.failures === 0 || data.failures >= data.requests) return null;
  const causes = causesOf(data.kinds);
  const [first] = causes;
  if (first !== undefined && first.failures >= 0.5 * data.failures) return null;
  const which = first === undefined ? "" : `, of ${count(causes.length)} causes; the most frequent: ${first.words}`;
  return { id: "many-causes", text: `${capital(part(data, data.failures, data.requests))} of the requests failed${which}.`, link: TO_FAILURES, weight: 40 };
}

/** An endpoint of which nothing ever works is told however few its requests are. */
export function deadEndpoint(data: WhyData): Finding | null {
  const dead = data.rows.filter((row) => row.requests > 0 && row.failures === row.requests);
  if (dead.length === 0 || dead.length === data.rows.length) return null;
  const worst = dead.reduce((most, row) => (row.requests > most.requests ? row : most));
  const others = dead.length === 1 ? "" : `, and so did ${count(dead.length - 1)} other ${dead.length === 2 ? "endpoint" : "endpoints"}`;
  return {
    id: "dead-endpoint", text: `${endpoint(worst)} failed every time${data.isMoving ? "" : ` (${count(worst.failures)} of ${count(worst.requests)})`}${others}.`,
    link: { label: "Endpoints", screen: "endpoints", query: { filter: "failed>=100%" } }, weight: 60,
  };
}

/** One worker has nearly all failures, with no more requests than the others. */
export function oneWorkerFails(data: WhyData): Finding | null {
  if (data.workers.length < 2 || data.failures < ENOUGH) return null;
  const worst = [...data.workers].sort((a, b) => b[2] - a[2])[0]!;
  const [, requests, failures] = worst;
  const all = data.workers.reduce((sum, worker) => sum + worker[1], 0);
  if (failures < 0.8 * data.failures || requests > (1.5 * all) / data.workers.length) return null;
  return {
    id: "one-worker", text: `One of ${count(data.workers.length)} workers has ${part(data, failures, data.failures)} of the failures, with ${part(data, requests, all)} of the requests: look at that machine.`,
    link: { label: "By worker", screen: "failures", query: { by: "worker" } }, weight: 70,
  };
}

function middle(values: readonly (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null).sort((a, b) => a - b);
  return known.length === 0 ? null : known[Math.floor(known.length / 2)]!;
}

/** The middle of the values before each one, in no more than n log n: how often each was seen stands in a tree over their
 * ranks. */
export function middles(values: readonly (number | null)[]): (number | null)[] {
  const sorted = [...new Set(values.filter((value): value is number => value !== null))].sort((a, b) => a - b);
  const ranks = new Map(sorted.map((value, i) => [value, i + 1]));
  const tree = new Uint32Array(sorted.length + 1);
  const top = 2 ** Math.floor(Math.log2(Math.max(1, sorted.length)));
  let known = 0;
  const inTheMiddle = (): number => {
    let at = 0;
    for (let step = top, left = Math.floor(known / 2) + 1; step >= 1; step /= 2)
      if (at + step < tree.length && tree[at + step]! < left) {
        at += step;
        left -= tree[at]!;
      }
    return sorted[at]!;
  };
  return values.map((value) => {
    const before = known === 0 ? null : inTheMiddle();
    if (value !== null) {
      known++;
      for (let i = ranks.get(value)!; i < tree.length; i += i & -i) tree[i]!++;
    }
    return before;
  });
}

/** The phase that grew most, if it explains most of the growth, and one that did not. */
function phaseWords(course: WhyCourse, at: number): string {
  const grown = course.phases.map(({ word, values }) => ({ word, by: (middle(values.slice(at)) ?? 0) - (middle(values.slice(0, at)) ?? 0) })).sort((a, b) => b.by - a.by);
  const sum = grown.reduce((all, { by }) => all + Math.max(0, by), 0);
  const [most] = grown;
  if (most === undefined || !(most.by > 0.6 * sum)) return "";
  const connect = grown.find(({ word }) => word === "connect");
  return `: ${most.word}${connect !== undefined && connect !== most ? ", not connect" : ""}`;
}

const TIMES = ["doubled", "tripled"];

function hasGrown(p95: readonly (number | null)[], at: number, before: number): boolean {
  for (let i = at; i < at + SUSTAINED; i++) {
    const value = p95[i] ?? null;
    if (value === null || value < 2 * before || value - before < 5) return false;
  }
  return true;
}

/** p95 grew to a multiple of what it was in the beginning, and stayed there. Looked for once in a course: it may be long. */
const growthOf = oncePer((course: WhyCourse): Finding | null => {
  const befores = middles(course.p95);
  let afters: (number | null)[] | undefined; // of so many of the last ones
  for (let at = STEPS_BEFORE; at + SUSTAINED <= course.x.length; at++) {
    const before = befores[at] ?? null;
    if (before === null || !(before > 0) || !hasGrown(course.p95, at, before)) continue;
    const now = (afters ??= middles([...course.p95].reverse()))[course.x.length - at] ?? 0;
    const times = Math.floor(now / before);
    if (times < 2) continue;
    const [usersBefore, users] = [course.users[at - 1] ?? null, course.users[at] ?? null];
    const most = course.users.slice(0, at).reduce<number>((all, n) => Math.max(all, n ?? 0), 0);
    const load = users !== null && usersBefore !== null && users > most ? ` when users passed ${count(most)}` : users !== null ? ` with ${count(users)} users` : "";
    return {
      id: "slower", at: course.x[at]!, text: `p95 ${TIMES[times - 2] ?? `grew ${count(times)} times`} (${msUnit(before)} to ${msUnit(now)})${load}${phaseWords(course, at)}.`,
      link: { label: "This time", screen: "live", from: course.x[at]! - 10 * course.step, to: course.x[at]! + 10 * course.step }, weight: 50 + 5 * Math.min(4, times),
    };
  }
  return null;
});
export const slower = (data: WhyData): Finding | null => growthOf(data.course);

/** Users ran, and nothing finished. */
const silenceOf = oncePer(({ x, rps, users, step }: WhyCourse): Finding | null => {
  let from = -1;
  let best: [number, number] | null = null;
  const began = rps.findIndex((value) => (value ?? 0) > 0);
  for (let i = Math.max(0, began); i <= x.length; i++) {
    const isSilent = i < x.length - 2 && began >= 0 && (rps[i] ?? 0) === 0 && (users[i] ?? 0) > 0; // the newest steps may still be filled
    if (isSilent && from < 0) from = i;
    if (isSilent || from < 0) continue;
    if (best === null || i - from > best[1] - best[0]) best = [from, i];
    from = -1;
  }
  const seconds = best === null ? 0 : (best[1] - best[0]) * step;
  if (best === null || seconds < 10 || best[1] >= x.length - 2) return null;
  return {
    id: "stalled", at: x[best[0]]!, text: `no request finished for ${count(seconds)} s, though ${count(users[best[0]] ?? 0)} users ran.`,
    link: { label: "This time", screen: "live", from: x[best[0]]! - 5, to: x[best[1]]! + 5 }, weight: 65,
  };
});
export const stalled = (data: WhyData): Finding | null => silenceOf(data.course);

/** One endpoint is far slower than the others. */
export function slowEndpoint(data: WhyData): Finding | null {
  let first: WhyRow | undefined;
  let second: WhyRow | undefined;
  for (const row of data.rows) {
    if (!(row.requests > 0 && row.p95 > (second?.p95 ?? 0))) continue;
    const isFirst = row.p95 > (first?.p95 ?? 0);
    second = isFirst ? first : row;
    if (isFirst) first = row;
  }
  if (first === undefined || second === undefined || first.p95 < 100 || first.p95 < 3 * second.p95) return null;
  return {
    id: "slow-endpoint", text: `${endpoint(first)} is the slowest by far: p95 ${msUnit(first.p95)}, the next ${msUnit(second.p95)}${first.requests < ENOUGH ? `, of only ${count(first.requests)} requests` : ""}.`,
    link: { label: "Endpoints", screen: "endpoints", query: { sort: "-p95" } }, weight: 30,
  };
}

const RULES = [everythingFails, oneWorkerFails, oneCause, manyCauses, stalled, deadEndpoint, slower, slowEndpoint];

export function findingsOf(data: WhyData): Finding[] {
  return RULES.map((rule) => rule(data)).filter((found): found is Finding => found !== null).sort((a, b) => b.weight - a.weight).slice(0, MOST);
}
