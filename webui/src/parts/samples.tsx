/* Requests that workers wrote down, with what was sent and received: the newest that failed in one
 * way, or the slowest of an endpoint. They are asked for until there is one, and then only when somebody wants it: while
 * somebody reads, nothing moves. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { IS_REPORT } from "../lib/build";
import { source, store } from "../app-state";
import type { SamplesAsk } from "../live/queries";
import type { Sample } from "../live/protocol";
import { useQuestion } from "../range/question";
import { SampleView } from "./sample";

const ASKS_MOST = 10;
const SAMPLES_MOST = 5;
const AGAIN_S = 2; // workers tell of a few a second

/** Those that are meant: the slowest as they are answered, all others by their time, the newest first; of several questions so many. */
export function chosenOf(answers: readonly Sample[][], isMeant: (sample: Sample) => boolean = () => true, isSlow = false): Sample[] {
  const meant = answers.flat().filter(isMeant);
  if (answers.length === 1) return isSlow ? meant : meant.sort((a, b) => b.at - a.at);
  const each = new Map(meant.map((sample) => [`${sample.at} ${sample.worker} ${sample.url}`, sample])); // one may be slow, and have failed
  return [...each.values()].sort((a, b) => b.at - a.at).slice(0, SAMPLES_MOST);
}

/** isMeant: of those that are kept only these. What is asked is what `of` is at that moment; of another thing they are another element (key). */
export function Samples(props: { of: readonly SamplesAsk[]; isMeant?: (sample: Sample) => boolean }): JSX.Element {
  const isSlow = props.of.some((ask) => "row" in ask);
  const asks = useRef(props.of);
  asks.current = props.of;
  const hasNone = useSignal(false);
  const beat = useRef(0);
  const asked = useQuestion(() => {
    if (!IS_REPORT && hasNone.value && store.isRunning.value) beat.current = Math.floor((store.run.value?.now ?? 0) / AGAIN_S);
    return String(beat.current);
  }, (signal) => Promise.all(asks.current.slice(0, ASKS_MOST).map((ask) => source.queries.samples(ask, signal))), []);
  const samples = asked.answer.value === null ? null : chosenOf(asked.answer.value, props.isMeant, isSlow);
  const isNone = samples !== null && samples.length === 0;
  useEffect(() => void (hasNone.value = isNone), [isNone]);
  const words = props.isMeant !== undefined ? "requests that were written down" : isSlow ? "slowest" : "newest";
  const again = IS_REPORT ? null : <button type="button" class="link" onClick={asked.retry}>{isSlow ? "Look again" : "Look for newer ones"}</button>;
  return (
    <div class="samples" role="group" aria-label={props.isMeant !== undefined ? "Requests of the cell" : isSlow ? "The slowest requests" : "Requests that failed so"}>
      {asked.error.value !== "" ? <p class="callout fail">{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
      {samples === null ? (asked.error.value === "" ? <p class="note" role="status">Loading…</p> : null)
        : isNone ? <p class="note" role="status">{IS_REPORT ? "This report holds no such request." : "No such request was written down."} {props.isMeant !== undefined ? "Kept are the slowest of each endpoint and the newest that failed." : "Workers of Katydid keep samples of requests that HttpUser and FastHttpUser send, a few a second."}</p>
        : (
          <>
            {samples.map((sample, i) => <SampleView key={`${sample.at} ${sample.worker ?? ""}`} sample={sample} isOpen={i === 0 && !isSlow} />)}
            <p class="note">The {words}: {samples.length}. Secrets are masked. {again}</p>
          </>
        )}
    </div>
  );
}
