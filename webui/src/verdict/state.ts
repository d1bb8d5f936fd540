/* The verdict as the master has it now. Asked for while there are thresholds: their limits are in the charts. */
import { computed, signal } from "@preact/signals";
import { IS_REPORT } from "../lib/build";
import { source, store } from "../app-state";
import { route } from "../lib/route";
import type { Judged, Threshold } from "../live/judged";
import { question, type Question } from "../range/question";
import { standingOf, type Standing } from "./words";

const EVERY_S = 4;
const SHOWN_EVERY_S = 1;

const isWanted = (): boolean => store.thresholds.value > 0 || route.value.screen === "verdict" || (route.value.screen === "new" && store.hasRun.value);

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
    return `${boot} ${id} ${state} ${store.thresholds.value} ${store.brokenThresholds.value} ${isFinal ? "" : beat}`;
  },
  async (abort) => {
    const { boot, run } = store.run.peek()!;
    const said = await source.figures.verdict(abort);
    if (said?.over) final.value = `${boot} ${run}`;
    return said;
  },
);

export const judged = asked.answer;
export const thresholds = computed<readonly Threshold[]>(() => judged.value?.thresholds ?? []);
export const standing = computed<Standing | null>(() => (judged.value === null ? null : standingOf(judged.value, store.hasRun.value)));

/** In the title of the window: "✕ failing". */
export const titleWord = computed(() => {
  const now = standing.value;
  if (now === null || store.thresholds.value === 0 || !store.hasRun.value) return "";
  return now.tone === "fail" ? `✕ ${now.word} · ` : now.word === "passed" ? "✓ passed · " : "";
});
