/* The range of the page as signals, and what a person may do to it. */
import { computed, signal } from "@preact/signals";
import { IS_REPORT } from "../lib/build";
import { source, store } from "../app-state";
import { route, setQuery } from "../lib/route";
import { recall, remember } from "../lib/storage";
import { POINT } from "../live/protocol";
import { SeriesTable } from "../live/series";
import { DEFAULT_RANGE, formatFixed, panned, parseRange, spanOf, steadyStart, tidy, zoomed, type Span } from "./range";

/** The whole run in steps: what the overview strip draws. The live seconds while they reach back far enough. */
export const wholeTable = signal<SeriesTable>(store.series);

/** Of a run that is over all is looked at, unless somebody chose otherwise. */
const isOver = computed(() => IS_REPORT || (store.run.value?.state === "stopped" && store.run.value.ended > 0));
const rangeText = computed(() => route.value.query["range"] ?? (IS_REPORT ? undefined : recall("range")) ?? (isOver.value ? "all" : DEFAULT_RANGE));
export const range = computed(() => parseRange(rangeText.value));
export const isFixed = computed(() => range.value.kind === "fixed");

function edgeOf(table: SeriesTable): number | null {
  const last = table.seconds.at(-1);
  return last === undefined ? null : last + table.step;
}

/** All that the master can still tell about; grows while the test runs. */
export const runSpan = computed<Span>(() => {
  store.revision.value;
  const run = store.run.value;
  if (run === null || run.started <= 0) return { from: 0, to: 0 };
  const edge = edgeOf(store.series) ?? edgeOf(wholeTable.value) ?? Math.ceil(run.ended || run.now);
  const to = run.ended > 0 ? Math.min(edge, Math.ceil(run.ended) + 1) : edge; // the master counts on when the test is over
  const oldest = Math.min(wholeTable.value.seconds[0] ?? Infinity, store.series.seconds[0] ?? Infinity, store.firstKept.value || Infinity);
  const from = Number.isFinite(oldest) ? oldest : Math.floor(run.started);
  return { from: Math.min(from, to), to };
});

export const steadyFrom = computed<number | null>(() => {
  store.revision.value;
  const table = wholeTable.value;
  return steadyStart(table.seconds, table.raw(POINT.users), table.raw(POINT.target));
});

export const span = computed<Span>(() => spanOf(range.value, runSpan.value, steadyFrom.value));

/** The range is everything there is and follows the live edge: the tick's own numbers are it. */
export const isWhole = computed(() => {
  if (isFixed.value) return false;
  const { from } = span.value;
  return range.value.kind === "all" || from <= runSpan.value.from;
});

/** A pasted link may be of a run that is gone. */
export const isOfOtherRun = computed(() => {
  const wanted = route.value.query["run"] ?? "";
  const run = store.run.value?.run ?? "";
  return isFixed.value && wanted !== "" && run !== "" && wanted !== run;
});

export function setFixed(wanted: Span): void {
  setQuery({ range: formatFixed(tidy(wanted, runSpan.value)), run: store.run.value?.run ?? "" });
}

export function setLive(text: string): void {
  remember("range", text);
  setQuery({ range: text, run: "" });
}

/** Back to the live range that was looked at before the brush. */
export function goLive(): void {
  setQuery({ range: "", run: "" });
}

export function pan(direction: -1 | 1): void {
  setFixed(panned(span.value, direction, runSpan.value));
}

/** Where the cursor of the charts is, in unix seconds; null: nowhere. */
export const cursorAt = signal<number | null>(null);

export function zoom(factor: number): void {
  const { from, to } = span.value;
  setFixed(zoomed(span.value, factor, cursorAt.value ?? (from + to) / 2, runSpan.value));
}

/** The page follows a run whose newest second it has: what it shows there is what is now. */
export const isLive = computed(() => !IS_REPORT && store.isRunning.value && !isFixed.value && source.link.value.kind === "live");

export const liveText = computed(() => rangeText.value);

/** How times are written: since the start, as the browser's clock says, or in UTC. */
export type TimeMode = "elapsed" | "local" | "utc";
const MODES: TimeMode[] = ["elapsed", "local", "utc"];
export const timeMode = signal<TimeMode>(MODES.find((mode) => mode === recall("time")) ?? "local");
export function setTimeMode(mode: TimeMode): void {
  timeMode.value = mode;
  remember("time", mode);
}
