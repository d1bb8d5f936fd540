/* Thresholds as lines of charts: which belong to what a chart draws. Pure. */
import type { SeriesName, Threshold } from "../live/judged";
import { limitWords, tagsOf, titleOf } from "./words";

export interface Limit {
  label: string;
  /** In the unit of the axis. */
  value: number;
  isBroken: boolean;
  /** Unix seconds of its first failure; null: it never failed. */
  turned: number | null;
  of: Threshold;
}

/** What is drawn: times in ms, events per second, parts in percent, a processor in percent, a loop in ms; values of a metric. */
export type Quantity = "time" | "rate" | "percent" | "cpu" | "lag" | "value";

const UNITS: Record<Quantity, readonly string[]> = { time: ["ms"], rate: ["/s"], percent: ["ratio"], cpu: ["%"], lag: ["ms"], value: ["", "ms", "B"] };

/** Of requests as a whole, k6's names for them too; those of a phase or of a metric are none. */
const isOfRequests = ({ metric }: Threshold): boolean => metric === null || ["http_req_duration", "http_reqs", "http_req_failed"].includes(metric);

function isOfAll(one: Threshold): boolean {
  return (one.scope === "all requests" || one.scope === "all HTTP requests") && isOfRequests(one);
}

function measures(one: Threshold, quantity: Quantity): boolean {
  if (!UNITS[quantity].includes(one.unit)) return false;
  if (quantity === "cpu") return one.stat === "worker_cpu";
  if (quantity === "lag") return one.stat.startsWith("loop_lag");
  return quantity !== "time" || !(one.stat.startsWith("loop_lag") || one.stat === "stdev");
}

function lineOf(one: Threshold, quantity: Quantity): Limit {
  const rule = `${one.stat} ${one.op} ${limitWords(one)}`;
  return { label: one.name === null ? rule : `${titleOf(one)}: ${rule}`, value: quantity === "percent" ? one.limit * 100 : one.limit, isBroken: one.failed || one.state === "fail", turned: one.first_failed, of: one };
}

const linesOf = (list: readonly Threshold[], quantity: Quantity): Limit[] => list.filter((one) => measures(one, quantity)).map((one) => lineOf(one, quantity));

export function limitsOfAll(list: readonly Threshold[], quantity: Quantity): Limit[] {
  const isGenerator = quantity === "cpu" || quantity === "lag";
  return linesOf(list.filter((one) => (isGenerator ? one.scope.startsWith("all") : isOfAll(one))), quantity);
}

/** Of an endpoint: those that name it, or its name with any method. */
function isOfRow(one: Threshold, method: string, name: string): boolean {
  return /^'.*'$/.test(one.scope) && one.row === name && (one.method === "" || one.method === null || one.method === method) && isOfRequests(one);
}

export function limitsOfRow(list: readonly Threshold[], method: string, name: string, quantity: Quantity): Limit[] {
  return linesOf(list.filter((one) => isOfRow(one, method, name)), quantity);
}

/** Of a series: those of its metric, or of its group, whose tags it has. */
function isOfSeries(one: Threshold, of: SeriesName): boolean {
  const group = /^group '(.*)'$/.exec(one.scope)?.[1];
  if (group !== undefined) return of.metric === "group_duration" && of.tags["group"] === group;
  return one.metric === of.metric && one.scope.startsWith(of.metric) && Object.entries(tagsOf(one.scope)).every(([key, value]) => of.tags[key] === value);
}

/** Of what a series is judged by alone. */
export function limitsOfSeries(list: readonly Threshold[], of: SeriesName, quantity: Quantity, all: readonly SeriesName[]): Limit[] {
  return linesOf(list.filter((one) => isOfSeries(one, of) && all.filter((other) => isOfSeries(one, other)).length <= 1), quantity);
}

/** Of what all series of a metric are judged by together: it is the limit of none of them. */
export function limitsOfMetric(list: readonly Threshold[], metric: string, quantity: Quantity, all: readonly SeriesName[]): Limit[] {
  if (all.filter((other) => other.metric === metric).length < 2) return [];
  return linesOf(list.filter((one) => one.metric === metric && one.scope.startsWith(metric) && Object.keys(tagsOf(one.scope)).length === 0), quantity);
}

/** As high as an axis goes: limits far above what is drawn would press it flat, and are only named. */
const ROOM = 4;
export function topWith(max: number, limits: readonly Limit[]): number {
  const near = limits.filter(({ value }) => value <= max * ROOM).map(({ value }) => value);
  return Math.max(max, ...near);
}
