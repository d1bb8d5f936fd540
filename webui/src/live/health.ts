/* Is a load generator fit to measure? One rule for the whole page: the master's (docs/api.md, "saturated"):
 * its processor above 90 %, or kept from it, or its loop more than 100 ms late, in each of 5 seconds on end. What a single
 * second says is nobody's verdict. Pure. */
import type { Tone } from "../parts/status";
import type { Saturated } from "./protocol";
import { isConnected, type Worker } from "./store";

const LINGER_S = 5; // a worker that was at its limit stays so for a moment: no verdict flickers
const SETTLED_S = 5; // of a run: before that nobody can tell

export const WHY: Record<string, string> = { cpu: "processor at its limit", quota: "at the processor limit of its container", starved: "kept waiting for a processor", lag: "its loop came late" };

const ADVICE: Record<string, string> = {
  cpu: "Spread the users over more workers or cores.",
  quota: "Give its container more processor.",
  starved: "Something else uses its processor: give it one of its own.",
  lag: "Its processor was not full: the machine is busy with something else, or a task computes without a pause.",
};

/** What to do, by cause. */
export function advice(causes: readonly string[]): string {
  return [...new Set(causes)].map((why) => ADVICE[why] ?? "").filter((text) => text !== "").join(" ");
}

/** The spans that lie in a range, cut to it. */
export function spansIn(spans: readonly Saturated[], from: number, to: number): Saturated[] {
  return spans.filter(([start, end]) => start < to && end > from)
    .map(([start, end, index, why]) => [Math.max(start, from), Math.min(end, to), index, why]);
}

/** Workers that are at their limit now, by index, with the cause. */
export function limited(spans: readonly Saturated[], now: number): Map<number, string> {
  return new Map(spans.filter(([, end]) => end > now - LINGER_S).map(([, , index, why]) => [index, why]));
}

/** Enough of the run has passed for a verdict. */
export function isSettled(from: number, to: number): boolean {
  return to - from >= SETTLED_S;
}

const WORDS: Record<string, string> = { cpu: "processor full", quota: "throttled", starved: "starved", lag: "late" };

export function health(worker: Worker, atLimit: ReadonlyMap<number, string>): { tone: Tone; word: string } {
  if (!isConnected(worker)) return { tone: "fail", word: worker.state };
  const why = atLimit.get(worker.index);
  if (why !== undefined) return { tone: "warn", word: WORDS[why] ?? "at the limit" };
  if (worker.state === "running") return { tone: "pass", word: worker.state };
  return { tone: worker.state === "spawning" ? "info" : "idle", word: worker.state };
}
