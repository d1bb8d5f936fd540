/* Failures by kind in the range of the page, and exceptions of the user's code with their
 * tracebacks. Fetched when their counts change, and only while this screen is open. */
import type { JSX } from "preact";
import { source, store } from "../app-state";
import { count, percent, timeOfDay, visible } from "../lib/format";
import type { Exception, Failure } from "../live/protocol";
import { Icon } from "../parts/icons";
import { rangeKey } from "../range/data";
import { useQuestion } from "../range/question";
import { isFixed, span } from "../range/state";
import { rangeWords } from "../range/words";

const EVERY_S = 2;

/** In the range of the page; a master that does not count by range counts all. */
const inRange = (item: Failure): number => item.in_range ?? item.count;

function FailureTable({ items }: { items: Failure[] }): JSX.Element {
  const all = items.reduce((sum, item) => sum + inRange(item), 0);
  const sorted = items.filter((item) => inRange(item) > 0).sort((a, b) => inRange(b) - inRange(a));
  if (sorted.length === 0) {
    const outside = items.reduce((sum, item) => sum + item.count, 0);
    return <p class="empty good">No request has failed {rangeWords()}; {count(outside)} failed outside of it.</p>;
  }
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of failures">
      <table class="list failures">
        <thead>
          <tr>
            <th scope="col" class="number">Count</th>
            <th scope="col" class="number">Share</th>
            <th scope="col">Type</th>
            <th scope="col">Name</th>
            <th scope="col">Message</th>
            <th scope="col" class="number">First</th>
            <th scope="col" class="number">Last</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((item) => (
            <tr key={`${item.method}\n${item.name}\n${item.text}`}>
              <td class="number strong" data-label="Count">{count(inRange(item))}</td>
              <td class="number" data-label="Share">{percent(inRange(item), all)} %</td>
              <td data-label="Type">{visible(item.method)}</td>
              <td class="name" data-label="Name">{visible(item.name)}</td>
              <td class="message" data-label="Message">{visible(item.text)}</td>
              <td class="number" data-label="First">{timeOfDay(item.first)}</td>
              <td class="number" data-label="Last">{timeOfDay(item.last)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ExceptionList({ items }: { items: Exception[] }): JSX.Element {
  return (
    <ul class="exceptions">
      {[...items].sort((a, b) => b.count - a.count).map((item) => (
        <li key={item.traceback}>
          <details>
            <summary>
              <Icon name="down" />
              <span class="strong">{count(item.count)}×</span>
              <span class="message">{visible(item.message || (item.traceback.trim().split("\n").at(-1) ?? ""))}</span>
              <span class="muted">{item.nodes ? `on ${visible(item.nodes.split(",").join(", "))}` : ""} {timeOfDay(item.first)}–{timeOfDay(item.last)}</span>
            </summary>
            <pre tabIndex={0}>{visible(item.traceback)}</pre>
          </details>
        </li>
      ))}
    </ul>
  );
}

interface PanelProps {
  title: string;
  csv: string;
  kinds: [number, number];
  empty: string;
  error: string;
  children: JSX.Element | null;
}

function Panel(props: PanelProps): JSX.Element {
  const [kinds, all] = props.kinds;
  return (
    <section class="panel" aria-label={props.title}>
      <header class="panel-head">
        <h2>{props.title} <span class="unit">{kinds > 0 ? `${count(kinds)} ${kinds === 1 ? "kind" : "kinds"} · ${count(all)}` : ""}</span></h2>
        {kinds > 0 && !source.isRecorded ? <a class="button" href={props.csv} download><Icon name="download" />CSV</a> : null}
      </header>
      {props.error !== "" ? <p class="callout fail">{props.error}</p> : null}
      {kinds === 0 ? <p class="empty good">{props.empty}</p> : props.children}
    </section>
  );
}

export function FailuresScreen(): JSX.Element {
  const failures = store.failures.value;
  const exceptions = store.exceptions.value;
  const changed = (): string => `${store.run.value?.run ?? ""} ${store.failures.value.join()} ${store.exceptions.value.join()}`;
  const failureList = useQuestion(
    () => (store.failures.value[0] > 0 ? rangeKey(EVERY_S) : null),
    (signal) => source.figures.failures(span.peek().from, span.peek().to, signal),
    [],
  );
  const exceptionList = useQuestion(() => (store.exceptions.value[0] > 0 ? changed() : null), (signal) => source.figures.exceptions(signal), []);
  const hasRun = store.hasRun.value;
  return (
    <>
      <h1 class="visually-hidden">Failures</h1>
      <Panel title={isFixed.value ? "Failures in the selection" : "Failures"} csv="stats/failures/csv" kinds={failures} error={failureList.error.value}
        empty={hasRun ? "No request has failed." : "No test has run yet."}>
        {failureList.answer.value ? <FailureTable items={failureList.answer.value} /> : <p class="empty">Loading…</p>}
      </Panel>
      <Panel title="Exceptions" csv="exceptions/csv" kinds={exceptions} error={exceptionList.error.value}
        empty={hasRun ? "The locustfile has raised no exception." : "No test has run yet."}>
        {exceptionList.answer.value ? <ExceptionList items={exceptionList.answer.value} /> : <p class="empty">Loading…</p>}
      </Panel>
    </>
  );
}
