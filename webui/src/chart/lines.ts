/* The lines that more than one screen draws. */
import { byteRate } from "../lib/format";
import { POINT, type PointColumn } from "../live/protocol";
import { signal } from "@preact/signals";
import { recall, remember } from "../lib/storage";
import { oncePer } from "../lib/once";
import type { SeriesView } from "../live/series";
import { pick, type Line } from "./time-chart";

const okRate = oncePer((view: SeriesView) => {
  const failed = view.column(POINT.failRps);
  return view.column(POINT.rps).map((all, i) => (all === null ? null : Math.max(0, all - (failed[i] ?? 0))));
});

export const THROUGHPUT: Line[] = [
  { label: "ok", color: "--ok", fill: "--ok-fill", value: okRate },
  { label: "failed", color: "--failed", dash: [4, 3], width: 2, value: pick(POINT.failRps) },
];

/** Lines that stand for one thing each: told apart by colour and by dashes. */
export const SERIES: readonly { color: string; dash: number[] }[] = [
  { color: "--s2", dash: [] }, { color: "--s4", dash: [8, 3] }, { color: "--s1", dash: [2, 3] },
  { color: "--s5", dash: [10, 3, 2, 3] }, { color: "--s3", dash: [5, 5] }, { color: "--s7", dash: [1, 4] },
];

/* -- percentiles: which are drawn is remembered -- */

export const PERCENTILES: readonly PointColumn[] = ["p50", "p75", "p90", "p95", "p99", "p999", "max"];
const NAMES: Partial<Record<PointColumn, string>> = { p999: "p99.9" };
const STYLE: Partial<Record<PointColumn, Partial<Line>>> = {
  p50: {}, p75: { dash: [12, 3] }, p90: { dash: [10, 4, 2, 4] }, p95: { dash: [8, 4] }, p99: { dash: [2, 3] },
  p999: { dash: [1, 4] }, max: { dash: [4, 6], width: 1 },
};
const DEFAULT_MASK: PointColumn[] = ["p50", "p95", "p99"];

function storedMask(): PointColumn[] {
  const known = (recall("percentiles") ?? "").split(",").filter((name): name is PointColumn => PERCENTILES.includes(name as PointColumn));
  return known.length > 0 ? known : DEFAULT_MASK;
}

export const mask = signal<readonly PointColumn[]>(storedMask());
export function setMask(next: readonly PointColumn[]): void {
  mask.value = next.length > 0 ? PERCENTILES.filter((name) => next.includes(name)) : DEFAULT_MASK;
  remember("percentiles", mask.value.join());
}

export function percentileName(name: PointColumn): string {
  return NAMES[name] ?? name;
}

export function percentileLines(): Line[] {
  return mask.value.map((name) => ({
    label: percentileName(name), color: `--${name}`, value: pick(POINT[name]), ...STYLE[name],
    ...(name === "p95" && mask.value.includes("p50") ? { bandTo: "p50", bandFill: "--band" } : {}),
  }));
}

export const STATUS: Line[] = [
  { label: "2xx", color: "--s1", value: pick(POINT.s2) },
  { label: "3xx", color: "--s6", dash: [10, 3], value: pick(POINT.s3) },
  { label: "4xx", color: "--s4", dash: [6, 3], value: pick(POINT.s4) },
  { label: "5xx", color: "--s2", dash: [4, 3], value: pick(POINT.s5) },
  { label: "no answer", color: "--s5", dash: [2, 3], value: pick(POINT.s0) },
];

export const DATA_RATE: Line[] = [
  { label: "received", color: "--s1", fill: "--s1-fill", value: pick(POINT.received) },
  { label: "sent", color: "--s4", dash: [6, 3], value: pick(POINT.sent) },
];
export const dataFormat = byteRate;

export const PHASE_NAMES: readonly [PointColumn, string][] = [
  ["queue", "wait for a connection"], ["dns", "DNS"], ["connect", "connect"], ["tls", "TLS"], ["send", "send"], ["wait", "wait for the answer"], ["receive", "receive"],
];
const PHASE_SHORT: Partial<Record<PointColumn, string>> = { queue: "queue", wait: "wait" };
const PHASE_COLOR: Partial<Record<PointColumn, string>> = { queue: "--s7", dns: "--s5", connect: "--s4", tls: "--s3", send: "--s6", wait: "--s1", receive: "--s2" };
export const phaseColor = (name: PointColumn): string => PHASE_COLOR[name] ?? "--s1";
export const PHASES: Line[] = PHASE_NAMES.map(([name, label]) => ({ label: PHASE_SHORT[name] ?? label, color: phaseColor(name), value: pick(POINT[name]) }));

export const HEALTH: Line[] = [
  { label: "loop lag", color: "--s1", value: pick(POINT.lag) },
  { label: "busiest core", color: "--s2", dash: [6, 3], value: pick(POINT.cpu), isRight: true },
];
