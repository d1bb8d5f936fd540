/* Failures over time, the kinds that failed most one by one, the rest together. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { rate, visible } from "../lib/format";
import type { Failure } from "../live/protocol";
import { NO_VIEW, type SeriesView } from "../live/series";
import { causeOf } from "../screens/failures/cause";
import { distinct } from "./legend";
import { SERIES } from "./lines";
import { stepsOf, type KindsAnswer } from "./steps";
import { TimeChart, pick, type Line } from "./time-chart";

const KINDS_SHOWN = 5;
const LABEL_MOST = 48;

/** Messages of one cause, of all endpoints, as one. */
function merged(failures: readonly Failure[]): Failure[] {
  const kinds = new Map<string, Failure>();
  for (const failure of failures) {
    const kind = causeOf(failure.kind ?? failure.text);
    const known = kinds.get(kind);
    const trend = failure.trend ?? [];
    if (known === undefined) kinds.set(kind, { ...failure, kind, in_range: failure.in_range ?? failure.count, trend });
    else {
      known.in_range! += failure.in_range ?? failure.count;
      known.trend = Array.from({ length: Math.max(known.trend!.length, trend.length) }, (_, i) => (known.trend![i] ?? 0) + (trend[i] ?? 0));
    }
  }
  return [...kinds.values()];
}

const shortened = (text: string): string => (text.length > LABEL_MOST ? `${text.slice(0, LABEL_MOST - 1)}…` : text);

/** As counts per second. */
function kindsOf({ failures, ...over }: KindsAnswer): { view: SeriesView; lines: Line[] } {
  const inside = merged(failures).filter((failure) => (failure.in_range ?? failure.count) > 0 && (failure.trend?.length ?? 0) > 0);
  inside.sort((a, b) => (b.in_range ?? b.count) - (a.in_range ?? a.count));
  const { start, step, seconds } = stepsOf(over, Math.max(0, ...inside.map((failure) => failure.trend!.length)));
  if (seconds.length === 0) return { view: NO_VIEW, lines: [] };
  const perSecond = (failure: Failure): number[] => seconds.map((length, i) => (failure.trend![i] ?? 0) / length);
  const columns = inside.slice(0, KINDS_SHOWN).map(perSecond);
  const labels = inside.slice(0, KINDS_SHOWN).map((failure) => visible(shortened(failure.kind ?? failure.text)));
  const rest = inside.slice(KINDS_SHOWN);
  if (rest.length > 0) {
    const sums = new Float64Array(seconds.length); // there may be thousands
    for (const { trend } of rest) for (let i = 0; i < sums.length; i++) sums[i]! += trend![i] ?? 0;
    columns.push(seconds.map((length, i) => sums[i]! / length));
    labels.push(`${rest.length} other ${rest.length === 1 ? "cause" : "causes"}`);
  }
  const view = { x: seconds.map((_, i) => start + (i + 0.5) * step), step, column: (i: number) => columns[i] ?? [] };
  return { view, lines: distinct(labels).map((label, i) => ({ label, ...SERIES[i]!, value: pick(i) })) };
}

export function KindsChart(props: { answer: KindsAnswer | null; hasFailures: boolean; error: string; onRetry: () => void; isWide?: boolean }): JSX.Element {
  const { view, lines } = useMemo(() => (props.answer === null ? { view: NO_VIEW, lines: [] } : kindsOf(props.answer)), [props.answer]);
  const empty = lines.length > 0 ? "" : props.hasFailures && props.answer === null ? "Loading…" : "No request has failed in this range.";
  return (
    <TimeChart id="kinds" title="Failures by cause" unit="per second" view={view} lines={lines} format={rate} empty={empty} isWide={props.isWide ?? false}
      error={props.error} onRetry={props.onRetry} />
  );
}
