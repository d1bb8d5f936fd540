/* The numbers of the range that rules the page.
 *
 * A live range that is the whole run costs nothing: the tick's own rows are its numbers, and the
 * seconds it brought are its charts. Any other range is asked of the source: once when it is fixed
 * and complete, every few seconds while its end is the live edge. */
import { computed, effect, signal } from "@preact/signals";
import { IS_REPORT } from "../lib/build";
import { source, store } from "../app-state";
import { FileSource } from "../live/file-source";
import { ROW, type RangeAnswer, type RunEvent } from "../live/protocol";
import { rateNow } from "../live/rate-now";
import { RowTable } from "../live/rows";
import { NO_VIEW, SECONDS_KEPT, SeriesTable, type SeriesView } from "../live/series";
import { question, type Question } from "./question";
import { courseBeat, type Span } from "./range";
import { isFixed, isOfOtherRun, isWhole, range, runSpan, span, wholeTable } from "./state";

const LIVE_EVERY_S = 3;
const WHOLE_EVERY_S = 15;
const STEPS = 720; // of a course
const LATE_S = 6; // seconds that late reports may still change

const runKey = (): string => `${store.run.value?.boot ?? ""} ${store.run.value?.run ?? ""}`;
const isReady = (): boolean => store.hasRun.value && (IS_REPORT ? source.link.value.kind === "file" : true);

/** Text that changes when a question about this range is worth asking again. */
export function rangeKey(everySeconds: number): string | null {
  const { from, to } = span.value;
  if (!isReady() || to <= from || isOfOtherRun.value) return null;
  const edge = runSpan.value.to;
  const isMoving = !isFixed.value || edge < to + LATE_S;
  const start = isFixed.value ? `${from}-${to}` : `live ${from}`;
  if (!isMoving) return `${runKey()} ${start}`;
  // A live start moves with the edge: both in steps.
  const live = isFixed.value ? start : `live ${to - from >= SECONDS_KEPT ? "" : Math.round((to - from) / everySeconds)}`;
  return `${runKey()} ${live} ${Math.floor(edge / everySeconds)}`;
}

/** The same for what is drawn in steps: before the next step is there, there is nothing new to draw. */
export function courseKey(leastSeconds: number): string | null {
  return rangeKey(courseBeat(span.value.to - span.value.from, leastSeconds, STEPS));
}

export const answer: Question<RangeAnswer> = question(
  () => (isWhole.value ? null : rangeKey(LIVE_EVERY_S)),
  (signal) => source.queries.range(span.value.from, span.value.to, signal),
);

/** The rows and the total that tables and tiles show. */
export interface Shown {
  rows: RowTable;
  total: readonly (number | null)[];
  /** Numbers of a range, not of the whole run. */
  isRange: boolean;
}

function tableOf(got: RangeAnswer): RowTable {
  const table = new RowTable();
  const known = store.rows;
  for (const row of got.rows) {
    const slot = known.slotOf(row[0] as number);
    if (slot === undefined) continue;
    table.define(row[0] as number, known.methods[slot]!, known.names[slot]!);
    table.set(row);
  }
  return table;
}

const rangeRows = computed(() => {
  const got = answer.answer.value;
  return got === null ? null : { table: tableOf(got), total: got.total };
});

export const shown = computed<Shown>(() => {
  const made = rangeRows.value;
  if (made === null || isWhole.value) {
    store.revision.value;
    return { rows: store.rows, total: store.total.value, isRange: false };
  }
  return { rows: made.table, total: made.total, isRange: true };
});

/** Requests per second: of the range when it is fixed or over, else of now. */
export const shownRate = computed<number | null>(() => {
  if (store.isRunning.value && !isFixed.value) return rateOfNow();
  return shown.value.total[shown.value.isRange ? ROW.rps : ROW.totalRps] ?? null;
});

export function rateOfNow(): number | null {
  const run = store.run.value;
  return run === null ? null : rateNow(store.total.value, run.now - Math.max(run.started, store.firstKept.value));
}

/* -- charts -- */

const recorded = (): SeriesTable | null => (IS_REPORT && source instanceof FileSource && source.link.value.kind === "file" ? source.wholeSeries : null);

/** The live seconds reach back to `from`. */
function secondsReach(from: number): boolean {
  store.revision.value;
  const first = store.series.seconds[0];
  return first !== undefined && first <= from + 1;
}

const oldRun = question(
  () => {
    const first = store.firstKept.value;
    if (!isReady() || IS_REPORT || first === 0 || secondsReach(first)) return null;
    const now = store.run.value?.now ?? 0;
    return `${runKey()} ${Math.floor(now / courseBeat(now - first, WHOLE_EVERY_S, STEPS))}`;
  },
  (signal) => source.queries.series({ from: store.firstKept.value, to: Math.ceil(store.run.value?.now ?? 0) + 1 }, signal),
);
effect(() => {
  wholeTable.value = recorded() ?? oldRun.answer.value ?? store.series;
});

const oldCharts = question(
  () => (IS_REPORT || secondsReach(span.value.from) || range.value.kind === "all" ? null : courseKey(LIVE_EVERY_S)),
  (signal) => source.queries.series(span.value, signal),
);

/** What the charts over time ask, when the live seconds do not reach back far enough. */
const chartsAsked = computed(() => (range.value.kind === "all" ? oldRun : oldCharts));
/** Why there is nothing to draw, and the way to try again; what is known of the whole run stays until there is more. */
export const chartsTrouble = computed(() => {
  const asked = chartsAsked.value;
  const isDrawn = asked === oldRun && asked.answer.value !== null;
  return { error: isDrawn ? "" : asked.error.value, onRetry: asked.retry };
});

const chartTable = computed<SeriesTable>(() => {
  const all = recorded();
  if (all !== null) return all;
  if (secondsReach(span.value.from)) return store.series;
  return chartsAsked.value.answer.value ?? store.series;
});

/** Seconds by which the charts of a live range move: a step, or of many single seconds about a pixel. What stands still ends where it ends. */
const stride = computed(() => {
  const { from, to } = span.value;
  return isFixed.value || !store.isRunning.value ? 1 : Math.max(chartTable.value.step, courseBeat(to - from, 1, STEPS));
});

/** The range as the charts show it: it moves when there is something to see of it, not before. */
const drawnText = computed(() => {
  const { from, to } = span.value;
  const by = stride.value;
  return by === 1 ? `${from} ${to}` : `${Math.floor(from / by) * by} ${Math.floor(to / by) * by}`;
});
export const drawn = computed<Span>(() => {
  const [from = 0, to = 0] = drawnText.value.split(" ").map(Number);
  return { from, to };
});

/** What the charts over time draw. It changes with every tick only where a second can be seen. */
export const chartView = computed<SeriesView>(() => {
  const table = chartTable.value;
  if (table === store.series && stride.value === 1) store.revision.value;
  const { from, to } = drawn.value;
  return to <= from || isOfOtherRun.value ? NO_VIEW : table.view(from, to);
});

/* -- what happened -- */

const eventList = question<RunEvent[]>(
  () => (isReady() && (store.eventCount.value > 0 || IS_REPORT) ? `${runKey()} ${store.eventCount.value}` : null),
  (signal) => source.queries.events(signal),
);
export const events = computed<RunEvent[]>(() => eventList.answer.value ?? []);

/* -- the view stands still -- */

export const isPaused = signal(false);
export function pauseView(isOn: boolean): void {
  isPaused.value = isOn;
  if (isOn) store.freeze();
  else store.thaw();
}
effect(() => {
  if (!store.isFrozen.value) isPaused.value = false;
});
