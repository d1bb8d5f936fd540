/* The newest requests that failed in one way, with what was sent and received. They are asked for
 * once: while somebody reads, nothing moves. */
import type { JSX } from "preact";
import { askJson } from "../../live/ask";
import { SampleView, type Sample } from "../../parts/sample";
import { useQuestion } from "../../range/question";

const IDS_MOST = 5;
const SAMPLES_MOST = 5;

async function newest(ids: readonly number[], signal: AbortSignal): Promise<Sample[]> {
  const answers = await Promise.all(ids.slice(0, IDS_MOST).map((id) => askJson<{ samples: Sample[] }>(`samples?kind=${id}`, signal)));
  return answers.flatMap((answer) => answer.samples).sort((a, b) => b.at - a.at).slice(0, SAMPLES_MOST);
}

export function Samples({ ids }: { ids: number[] }): JSX.Element {
  const asked = useQuestion(() => "once", (signal) => newest(ids, signal), [ids.slice(0, IDS_MOST).join()]);
  const samples = asked.answer.value;
  return (
    <div class="samples" role="group" aria-label="Requests that failed so">
      {asked.error.value !== "" ? <p class="callout fail">{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
      {samples === null ? (asked.error.value === "" ? <p class="note" role="status">Loading…</p> : null)
        : samples.length === 0 ? <p class="note" role="status">No request of this kind was written down. Workers of Katydid keep samples of requests that HttpUser and FastHttpUser send, a few a second.</p>
        : (
          <>
            {samples.map((sample, i) => <SampleView key={`${sample.at} ${sample.worker ?? ""}`} sample={sample} isOpen={i === 0} />)}
            <p class="note">The newest {samples.length}. Secrets are masked. <button type="button" class="link" onClick={asked.retry}>Look for newer ones</button></p>
          </>
        )}
    </div>
  );
}
