/* Is a load generator fit to measure? One rule for the whole page: the master's (docs/api.md, "saturated"):
 * its processor above 90 %, or kept from it, or its loop more than 100 ms late, in each of 5 seconds on end. What a single
 * second says is nobody's verdict. Pure. */
import type { Tone } from "../parts/status";
import { shortId, visible } from "../lib/format";
import type { InvalidSpan } from "./judged";
import { isConnected, type Worker } from "./store";

const LINGER_S = 5; // a worker that was at its limit stays so for a moment: no verdict flickers
const SETTLED_S = 5; // of a run: before that nobody can tell

const WHY: Record<string, string> = {
  cpu: "its processor was at its limit", quota: "its container held it back", starved: "others used its processor", lag: "its loop came late", delay: "it began arrivals late", lost: "nothing is known of it for that time",
};

export const causeWords = (why: string): string => WHY[why] ?? visible(why);

/** A worker that is away has no index. */
export const isLoss = ([, , , , why]: InvalidSpan): boolean => why === "lost";

const ADVICE: Record<string, string> = {
  cpu: "Spread the users over more workers or cores.",
  quota: "Give its container more processor.",
  starved: "Something else uses its processor: give it one of its own.",
  delay: "It has more arrivals to begin than it can: use more workers.",
  lag: "Its processor was not full: the machine is busy with something else, or a task computes without a pause.",
};

/** What to do, by cause. */
export function advice(causes: readonly string[]): string {
  return [...new Set(causes)].map((why) => ADVICE[why] ?? "").filter((text) => text !== "").join(" ");
}

/** What a worker goes through after the end of the run is no matter of its figures. */
export function untilTheEnd(spans: readonly InvalidSpan[], ended: number): InvalidSpan[] {
  return spans.filter(([from]) => from < ended).map(([from, to, ...rest]) => [from, Math.min(to, ended), ...rest]);
}

/** The spans that were known, if the new ones say the same: of an answer that tells nothing new nothing is drawn anew. */
export function unlessNew(known: readonly InvalidSpan[], told: readonly InvalidSpan[]): readonly InvalidSpan[] {
  const isSame = known.length === told.length && known.every((span, i) => span.every((part, at) => part === told[i]![at]));
  return isSame ? known : told;
}

/** The spans that a range touches, whole. */
export function spansIn(spans: readonly InvalidSpan[], from: number, to: number): InvalidSpan[] {
  return spans.filter(([start, end]) => start < to && end > from);
}

/** For how many seconds of the range at least one worker's figures are not valid: several may be late at the same time. */
export function invalidSeconds(spans: readonly InvalidSpan[], from: number, to: number): number {
  return together(spansIn(spans, from, to)).reduce((sum, [start, end]) => sum + Math.min(end, to) - Math.max(start, from), 0);
}

/** Without overlaps, by time. */
export function together(spans: readonly InvalidSpan[]): [number, number][] {
  const out: [number, number][] = [];
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}

const SPANS_MOST = 2;

/** Which worker, from when to when, and the cause: the longest first. The one sentence of it, wherever it is told. */
export function invalidWords(spans: readonly InvalidSpan[], time: (second: number) => string): string {
  const longest = [...spans].sort((a, b) => b[1] - b[0] - (a[1] - a[0]));
  const told = longest.slice(0, SPANS_MOST).map(([from, to, , name, why]) => `${shortId(name)} from ${time(from)} to ${time(to)}, ${causeWords(why)}`);
  const rest = longest.length - SPANS_MOST;
  return told.join("; ") + (rest > 0 ? `; and ${rest} more ${rest === 1 ? "time" : "times"}` : "");
}

/** Workers that are at their limit now, by index, with the cause. */
export function limited(spans: readonly InvalidSpan[], now: number): Map<number, string> {
  return new Map(spans.filter((one) => one[1] > now - LINGER_S && !isLoss(one)).map(([, , index, , why]) => [index, why]));
}

/** Enough of the run has passed for a verdict. */
export function isSettled(from: number, to: number): boolean {
  return to - from >= SETTLED_S;
}

const WORDS: Record<string, string> = { cpu: "processor full", quota: "throttled", starved: "starved", lag: "late", delay: "late starts" };

export function health(worker: Worker, atLimit: ReadonlyMap<number, string>): { tone: Tone; word: string } {
  if (!isConnected(worker)) return { tone: "fail", word: worker.state };
  const why = atLimit.get(worker.index);
  if (why !== undefined) return { tone: "warn", word: WORDS[why] ?? "at the limit" };
  if (worker.state === "running") return { tone: "pass", word: worker.state };
  return { tone: worker.state === "spawning" ? "info" : "idle", word: worker.state };
}
