/* The resolved plan of a scenario as a function of time, as a picture, and beside what was counted. Pure. */
import { count, rate, timespan } from "../../lib/format";
import { COURSE, type CourseAnswer } from "../../live/judged";
import type { Scenario, Stage } from "../../live/scenarios";
import { SeriesTable, type SeriesView } from "../../live/series";
import type { Point } from "../../live/protocol";
import type { Plan } from "../new-test/plan";

const TAIL = 0.35; // of the picture: how far an open end is drawn
const LEAST_S = 10;
const LATE_STEPS = 4; // the newest ones may not have been told of yet

/** What the plan adds up to in its first seconds: arrivals, or users × seconds. */
export function areaUntil(of: Scenario, seconds: number): number {
  let left = seconds;
  let area = of.at_once.reduce((sum, [at, arrivals]) => sum + (at < seconds ? arrivals : 0), 0);
  for (const [length, from, to] of of.stages) {
    if (left <= 0) break;
    const taken = length === null ? left : Math.min(left, length);
    const end = length === null || length === 0 ? to : from + ((to - from) * taken) / length;
    area += (taken * (from + end)) / 2;
    left -= taken;
  }
  return area;
}

/** What it says of a moment, seconds since the scenarios began; 0 before and after it. */
export function levelAt(of: Scenario, moment: number): number {
  let at = of.begins_s;
  for (const [length, from, to] of moment < at ? [] : of.stages) {
    if (length === null) return to;
    if (moment < at + length) return from + ((to - from) * (moment - at)) / length;
    at += length;
  }
  return 0;
}

/** What is left of its stages then. */
export function stagesFrom(of: Scenario, moment: number): Stage[] {
  let at = of.begins_s;
  return of.stages.flatMap(([length, from, to]): Stage[] => {
    const begin = at;
    at += length ?? Infinity;
    return at <= moment ? [] : [[length === null ? null : at - Math.max(moment, begin), begin < moment ? levelAt(of, moment) : from, to]];
  });
}

/** Until a change counts on all workers: what is edited is the plan from then on. */
export const AHEAD_S = 0.5;

/** A stage as people write it. */
export type Row = [length: string, level: string];

/** What is left of its stages when a change of this moment counts: without what is over by then, such as a pause that ends. */
export const rowsLeft = (of: Scenario, moment: number): Row[] =>
  stagesFrom(of, moment + AHEAD_S).map(([length, , to]): Row => [length === null ? "forever" : timespan(Math.round(length)) || "0s", String(Number(to.toFixed(3)))]);

/** A number is per second; 3/m is what it says. */
export const rateText = (text: string): string => `${text.trim()}${/^[\d.]+$/.test(text.trim()) ? "/s" : ""}`;

/** "2m:80/s,forever:80/s" */
export const stagesText = (of: Scenario, rows: readonly Row[]): string => rows.map(([length, level]) => `${length.trim()}:${of.is_open ? rateText(level) : level.trim()}`).join(",");

const NICE = [1, 2, 5, 10];
/** The least of 1, 2, 5, 10, 20 … that is so large. */
export function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return Number(((NICE.find((one) => one * power >= value * (1 - 1e-9)) ?? 10) * power).toPrecision(1));
}

export interface Scale {
  max: number;
  step: number;
}

/** The most that its plan has at a time. */
export const mostOf = (of: Scenario): number => Math.max(0, ...of.stages.map(([, from, to]) => Math.max(from, to)));

/** Of its slider: twice the most of its plan, in some hundred steps. */
export function scaleOf(of: Scenario): Scale {
  const max = niceAbove(Math.max(of.is_open ? 1e-6 : 10, 2 * mostOf(of)));
  return { max, step: Math.max(of.is_open ? 1e-6 : 1, niceAbove(max / 200)) };
}

/** Its mean between two moments, seconds since the scenarios began; nothing of it is after `until`. */
export function meanLevel(of: Scenario, from: number, to: number, until = Infinity): number {
  const at = (moment: number): number => areaUntil(of, Math.min(moment, until) - of.begins_s);
  return to > from ? (at(to) - at(from)) / (to - from) : 0;
}

const knownLength = (of: Scenario): number => of.begins_s + of.stages.reduce((sum, [length]) => sum + (length ?? 0), 0);

/** One time axis for the pictures of all of them: to where the longest is known, and beyond when one has no end. */
export function horizonOf(all: readonly Scenario[]): number {
  const known = Math.max(0, ...all.map(knownLength));
  return all.some((one) => one.length_s === null) ? Math.max(known, LEAST_S) / (1 - TAIL) : known;
}

/** Steps are steps, ramps slopes. */
export function pictureOf(of: Scenario, horizon: number): Plan {
  const points: [number, number][] = [[0, 0]];
  let at = of.begins_s;
  const isOpen = of.length_s === null;
  if (at > 0) points.push([at, 0]);
  for (const [length, from, to] of of.stages) {
    points.push([at, from]);
    at = length === null ? horizon : at + length;
    points.push([at, to]);
  }
  if (!isOpen) points.push([at, 0], [Math.max(horizon, at), 0]);
  return { points, isOpen, stages: [] };
}

/** "20/s", or "5 users". */
export const levelWords = (of: Scenario) => (level: number): string => (of.is_open ? `${rate(level).replace(/\.0+$/, "")}/s` : `${count(level)} ${Math.round(level) === 1 ? "user" : "users"}`);

export const STARTS = { plan: 1, started: 2, late: 3, dropped: 4 } as const;
/** Of the points of start_delay, when it was asked for. */
const ABOVE = 11;

interface Counted {
  started: CourseAnswer;
  dropped: CourseAnswer;
  delay: CourseAnswer;
}

interface Moment {
  begun: number;
  elapsed: number;
  from: number;
  to: number;
}

function perSecond({ points }: CourseAnswer, column: number, start: number, step: number, steps: number): number[] {
  const sums = new Array<number>(steps).fill(0);
  for (const point of points) {
    const at = Math.floor((point[COURSE.second] - start) / step);
    if (at >= 0 && at < steps) sums[at]! += (point[column] ?? 0) / step;
  }
  return sums;
}

/** Per second, in steps: the plan, what was started, how many of these late, what was dropped. A step in which nothing
 * happened is 0; the newest ones, of which nobody has told yet, are not there. */
export function startsView(of: Scenario, { started, dropped, delay }: Counted, { begun, elapsed, from, to }: Moment): SeriesView {
  const answers = [started, dropped, delay];
  const step = Math.max(1, ...answers.filter(({ points }) => points.length > 0).map((one) => one.step));
  const first = Math.max(from, begun + of.begins_s);
  const start = Math.floor(first / step) * step;
  const toldUntil = Math.max(start, ...answers.map((one) => (one.points.at(-1)?.[COURSE.second] ?? -Infinity) + one.step));
  const over = Math.min(to, begun + elapsed);
  const end = over - toldUntil <= LATE_STEPS * step ? toldUntil : over;
  const steps = Math.max(0, Math.min(5000, Math.ceil((end - start) / step)));
  const starts = of.is_open ? perSecond(delay, COURSE.count, start, step, steps) : perSecond(started, COURSE.sum, start, step, steps); // each has its delay, in the second in which it started
  const columns = [starts, perSecond(delay, ABOVE, start, step, steps), perSecond(dropped, COURSE.sum, start, step, steps)];
  const points = Array.from({ length: steps }, (_, i) => {
    const second = start + i * step;
    return [second, meanLevel(of, second - begun, second + step - begun, elapsed), ...columns.map((column) => column[i]!)] as Point;
  });
  return SeriesTable.of(points, step).view(from, to);
}
