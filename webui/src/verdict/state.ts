/* The verdict as the master has it now, and when the measurement is not valid: one answer, for every place that tells of it.
 * Asked for while there are thresholds, whose limits are in the charts, and once something happened to a worker. */
import { computed, signal } from "@preact/signals";
import { IS_REPORT } from "../lib/build";
import { source, store } from "../app-state";
import { route } from "../lib/route";
import { limited, unlessNew, untilTheEnd } from "../live/health";
import type { InvalidSpan, Judged, Threshold } from "../live/judged";
import { events } from "../range/data";
import { question, type Question } from "../range/question";
import { standingOf, type Standing } from "./words";

const EVERY_S = 4;
const SHOWN_EVERY_S = 1;

const NOBODY: ReadonlyMap<number, string> = new Map();
const OF_WORKERS = ["saturated", "worker", "master"];

/** Something may have kept the workers from measuring. */
const isInDoubt = computed(() => store.isSaturated.value || events.value.some(({ kind }) => OF_WORKERS.includes(kind)));
const isWanted = (): boolean => IS_REPORT || isInDoubt.value || store.thresholds.value > 0 || route.value.screen === "verdict" || (route.value.screen === "new" && store.hasRun.value);

/** The last word on this run has been said. */
const final = signal("");

export const asked: Question<Judged | null> = question<Judged | null>(
  () => {
    const run = store.run.value;
    const kind = source.link.value.kind;
    if (run === null || !isWanted() || kind === "broken" || kind === "connecting") return null;
    const { boot, run: id, state } = run;
    const isFinal = IS_REPORT || (state === "stopped" && final.value === `${boot} ${id}`) || (!store.isRunning.value && !store.hasRun.value);
    const beat = Math.floor(run.now / (route.value.screen === "verdict" ? SHOWN_EVERY_S : EVERY_S));
    return `${boot} ${id} ${state} ${store.thresholds.value} ${store.brokenThresholds.value} ${store.eventCount.value} ${isFinal ? "" : beat}`;
  },
  async (abort) => {
    const { boot, run } = store.run.peek()!;
    const said = await source.queries.verdict(abort);
    if (said?.over) final.value = `${boot} ${run}`;
    return said;
  },
);

export const judged = asked.answer;
const ended = computed(() => store.run.value?.ended || Infinity);
let shaded: readonly InvalidSpan[] = [];
/** When the measurement was not valid: shaded on every chart, all of which are drawn when it is another list. */
export const invalid = computed<readonly InvalidSpan[]>(() => (shaded = unlessNew(shaded, untilTheEnd(judged.value?.invalid ?? [], ended.value))));
/** Workers that are at their limit now; nobody is while no test runs. */
export const atLimit = computed(() => (store.isRunning.value && !IS_REPORT ? limited(invalid.value, store.run.value?.now ?? 0) : NOBODY));
export const thresholds = computed<readonly Threshold[]>(() => judged.value?.thresholds ?? []);
export const standing = computed<Standing | null>(() => (judged.value === null ? null : standingOf(judged.value, store.hasRun.value)));

/** In the title of the window: "✕ failing". */
export const titleWord = computed(() => {
  const now = standing.value;
  if (now === null || store.thresholds.value === 0 || !store.hasRun.value) return "";
  return now.tone === "fail" ? `✕ ${now.word} · ` : now.word === "passed" ? "✓ passed · " : "";
});
