/* The words of the row of state. Pure. */
import { count, timespan } from "./format";
import type { RunFields } from "../live/protocol";

export type StateTone = "quiet" | "warn" | "fail";

export function worstTone(tones: readonly StateTone[]): StateTone {
  return tones.includes("fail") ? "fail" : tones.includes("warn") ? "warn" : "quiet";
}

/** Names of machines with 32 digits behind them, as everywhere else on the page. */
export function shortIds(text: string): string {
  return text.replace(/_([0-9a-f]{6})[0-9a-f]{26}\b/g, "_$1");
}

const EXPECTED = [
  "its run time was over", "somebody stopped it", "the load shape had come to its end", "all iterations were done", "its scenario was over",
  "all scenarios were over", "the knee was found", "its last level was over",
];

/** What the locustfile runs once, while it does; "": nothing. */
export function onceWords(run: Pick<RunFields, "setup" | "teardown" | "now" | "started" | "ended">): string {
  if (run.setup) return `Setup of the locustfile has run for ${timespan(Math.max(0, Math.round(run.now - run.started)))}. The load begins when it is over.`;
  if (run.teardown) return `The load is over; teardown of the locustfile has run for ${timespan(Math.max(0, Math.round(run.now - run.ended)))}.`;
  return "";
}

export const SETUP_FAILED = "its setup failed";

/** How a run ended: what ended it, and whether it did anything at all. hasWhy: that all failed stands below it, with the cause. */
export function endWords(run: Pick<RunFields, "ended_by">, requests: number, failures: number, hasWhy = false): { tone: StateTone; text: string } {
  const by = run.ended_by ?? "";
  const why = by === "" ? "" : `: ${by}`;
  if (by === SETUP_FAILED) return { tone: "fail", text: `${why}, so the load did not begin.` };
  if (requests === 0) return { tone: "warn", text: `${why}. No request was finished.` };
  if (failures === requests) return { tone: "fail", text: hasWhy ? `${why}.` : `${why}. ${requests === 1 ? "The only request failed" : `All ${count(requests)} requests failed`}.` };
  if (by.startsWith("stopped by threshold")) return { tone: "fail", text: `${why}.` };
  return { tone: by === "" || EXPECTED.includes(by) ? "quiet" : "warn", text: `${why}.` };
}
