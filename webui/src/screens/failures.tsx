/* Failures by kind, and exceptions of the user's code with their tracebacks. Fetched when the tick
 * says that their counts changed, and only while this screen is open. */
import { useSignal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { store } from "../app-state";
import { count, percent, timeOfDay, visible } from "../lib/format";
import type { Exception, Failure } from "../live/protocol";
import { Icon } from "../parts/icons";

const REFRESH_MS = 2000;

interface List<T> {
  items: T[];
  error: string;
}

/** Fetches again when `version` changed, at most every REFRESH_MS, one request at a time. */
function useList<T>(path: string, key: string, version: string): Signal<List<T> | null> {
  const list = useSignal<List<T> | null>(null);
  const wanted = useRef(version);
  wanted.current = version;
  useEffect(() => {
    let have = "";
    let isBusy = false;
    let isGone = false;
    const load = async (): Promise<void> => {
      if (isBusy || have === wanted.current) return;
      isBusy = true;
      const asked = wanted.current;
      try {
        const answer = await fetch(new URL(path, document.baseURI));
        if (!answer.ok) throw new Error(`The master answered ${answer.status}.`);
        const body = (await answer.json()) as Record<string, T[]>;
        if (!isGone) list.value = { items: body[key] ?? [], error: "" };
        have = asked;
      } catch (error) {
        if (!isGone) list.value = { items: list.value?.items ?? [], error: error instanceof TypeError ? "The master did not answer." : String((error as Error).message) };
      }
      isBusy = false;
    };
    void load();
    const timer = setInterval(() => void load(), REFRESH_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, [path]);
  return list;
}

function FailureTable({ items }: { items: Failure[] }): JSX.Element {
  const all = items.reduce((sum, item) => sum + item.count, 0);
  const sorted = [...items].sort((a, b) => b.count - a.count);
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
              <td class="number strong" data-label="Count">{count(item.count)}</td>
              <td class="number" data-label="Share">{percent(item.count, all)} %</td>
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
        {kinds > 0 ? <a class="button" href={props.csv} download><Icon name="download" />CSV</a> : null}
      </header>
      {props.error !== "" ? <p class="callout fail">{props.error}</p> : null}
      {kinds === 0 ? <p class="empty good">{props.empty}</p> : props.children}
    </section>
  );
}

export function FailuresScreen(): JSX.Element {
  const failures = store.failures.value;
  const exceptions = store.exceptions.value;
  const run = store.run.value?.run ?? "";
  const failureList = useList<Failure>("api/v1/failures", "failures", `${run} ${failures.join()}`);
  const exceptionList = useList<Exception>("api/v1/exceptions", "exceptions", `${run} ${exceptions.join()}`);
  const hasRun = store.hasRun.value;
  return (
    <>
      <h1 class="visually-hidden">Failures</h1>
      <Panel title="Failures" csv="stats/failures/csv" kinds={failures} error={failureList.value?.error ?? ""}
        empty={hasRun ? "No request has failed." : "No test has run yet."}>
        {failureList.value ? <FailureTable items={failureList.value.items} /> : <p class="empty">Loading…</p>}
      </Panel>
      <Panel title="Exceptions" csv="exceptions/csv" kinds={exceptions} error={exceptionList.value?.error ?? ""}
        empty={hasRun ? "The locustfile has raised no exception." : "No test has run yet."}>
        {exceptionList.value ? <ExceptionList items={exceptionList.value.items} /> : <p class="empty">Loading…</p>}
      </Panel>
    </>
  );
}
