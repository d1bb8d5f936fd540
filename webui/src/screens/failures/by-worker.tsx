/* Who had the failures: workers that see other failures than their neighbours have a problem of
 * their own. */
import type { JSX } from "preact";
import { source, store } from "../../app-state";
import { count, percent, shortId } from "../../lib/format";
import { rangeKey } from "../../range/data";
import { useQuestion } from "../../range/question";
import { span } from "../../range/state";

const EVERY_S = 3;

export function nameOfWorker(index: number): string {
  const worker = store.workers.value.find((candidate) => candidate.index === index);
  return worker === undefined ? `worker ${index}` : shortId(worker.id);
}

export function ByWorker(): JSX.Element {
  const asked = useQuestion(() => rangeKey(EVERY_S), (signal) => source.queries.range(span.peek().from, span.peek().to, signal), []);
  if (asked.error.value !== "") return <p class="callout fail">{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p>;
  const workers = asked.answer.value?.workers;
  if (workers === undefined) return <p class="empty">Loading…</p>;
  const all = workers.reduce((sum, [, , failures]) => sum + failures, 0);
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Failures by worker">
      <table class="list">
        <thead>
          <tr><th scope="col">Worker</th><th scope="col" class="number">Failures</th><th scope="col" class="number">Share of all failures</th><th scope="col" class="number">Of its requests</th></tr>
        </thead>
        <tbody>
          {[...workers].sort((a, b) => b[2] - a[2]).map(([index, requests, failures]) => (
            <tr key={index}>
              <td data-label="Worker" class="name">{nameOfWorker(index)}</td>
              <td data-label="Failures" class="number strong">{count(failures)}</td>
              <td data-label="Share of all failures" class="number">{percent(failures, all)} %</td>
              <td data-label="Of its requests" class="number">{percent(failures, requests)} %</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
