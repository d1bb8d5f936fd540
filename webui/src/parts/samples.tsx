/* Requests that workers wrote down, with what was sent and received: the newest that failed in one
 * way, or the slowest of an endpoint. They are asked for once: while somebody reads, nothing moves. */
import type { JSX } from "preact";
import { IS_REPORT } from "../lib/build";
import { source } from "../app-state";
import type { SamplesAsk } from "../live/figures";
import type { Sample } from "../live/protocol";
import { useQuestion } from "../range/question";
import { SampleView } from "./sample";

const ASKS_MOST = 10;
const SAMPLES_MOST = 5;

/** Those that are meant: of one question as they are answered, the first ones first; of several the newest. */
export function chosenOf(answers: readonly Sample[][], isMeant: (sample: Sample) => boolean = () => true): Sample[] {
  const meant = answers.flat().filter(isMeant);
  if (answers.length === 1) return meant;
  const each = new Map(meant.map((sample) => [`${sample.at} ${sample.worker} ${sample.url}`, sample])); // one may be slow, and have failed
  return [...each.values()].sort((a, b) => b.at - a.at).slice(0, SAMPLES_MOST);
}

/** isMeant: of those that are kept only these. */
export function Samples(props: { of: readonly SamplesAsk[]; isMeant?: (sample: Sample) => boolean }): JSX.Element {
  const isSlow = props.of.some((ask) => "row" in ask);
  const asks = props.of.slice(0, ASKS_MOST);
  const asked = useQuestion(() => "once", (signal) => Promise.all(asks.map((ask) => source.figures.samples(ask, signal))), [JSON.stringify(asks)]);
  const samples = asked.answer.value === null ? null : chosenOf(asked.answer.value, props.isMeant);
  const words = props.isMeant !== undefined ? "requests that were written down" : isSlow ? "slowest" : "newest";
  const again = IS_REPORT ? null : <button type="button" class="link" onClick={asked.retry}>{isSlow ? "Look again" : "Look for newer ones"}</button>;
  return (
    <div class="samples" role="group" aria-label={props.isMeant !== undefined ? "Requests of the cell" : isSlow ? "The slowest requests" : "Requests that failed so"}>
      {asked.error.value !== "" ? <p class="callout fail">{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
      {samples === null ? (asked.error.value === "" ? <p class="note" role="status">Loading…</p> : null)
        : samples.length === 0 ? <p class="note" role="status">{IS_REPORT ? "This report holds no such request." : "No such request was written down."} {props.isMeant !== undefined ? "Kept are the slowest of each endpoint and the newest that failed." : "Workers of Katydid keep samples of requests that HttpUser and FastHttpUser send, a few a second."}</p>
        : (
          <>
            {samples.map((sample, i) => <SampleView key={`${sample.at} ${sample.worker ?? ""}`} sample={sample} isOpen={i === 0 && !isSlow} />)}
            <p class="note">The {words}: {samples.length}. Secrets are masked. {again}</p>
          </>
        )}
    </div>
  );
}
