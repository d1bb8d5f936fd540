/* Workers: who generates the load, and whether they are fit to measure. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { CAN_COMMAND } from "../../lib/build";
import { source, store } from "../../app-state";
import { count } from "../../lib/format";
import { isConnected } from "../../live/store";
import { answer, rangeKey } from "../../range/data";
import { useQuestion } from "../../range/question";
import { isFixed, span } from "../../range/state";
import { rangeWords } from "../../range/words";
import { Courses } from "./courses";
import { Classes, NowTable, RangeTable } from "./tables";
import { HowToStart, Verdict } from "./verdict";

function Nobody(): JSX.Element {
  if (store.run.value?.distributed !== true) return <p class="empty">The load generator is still starting.</p>;
  return <div class="empty"><p>No worker is connected.</p><HowToStart /></div>;
}

const EVERY_S = 3;

export function WorkersScreen(): JSX.Element {
  const hidesGone = useSignal(false);
  const workers = [...store.workers.value].sort((a, b) => a.index - b.index);
  const missing = workers.length - store.connectedWorkers.value;
  const isDistributed = store.run.value?.distributed ?? false;
  // Of a run that was, nothing is now: all of it counts.
  const asked = useQuestion(() => (CAN_COMMAND || isFixed.value ? null : rangeKey(EVERY_S)), (signal) => source.queries.range(span.peek().from, span.peek().to, signal), []);
  const inRange = (isFixed.value ? answer : asked).answer.value?.workers;
  const shown = hidesGone.value ? workers.filter(isConnected) : workers;
  return (
    <>
      <h1 class="visually-hidden">Workers</h1>
      <Verdict />
      <section class="panel" aria-labelledby="workers-title">
        <header class="panel-head wraps">
          <h2 id="workers-title">{isDistributed ? "Workers" : "Load generator"}{" "}
            <span class="unit">
              {isFixed.value && inRange !== undefined ? "in the selection" : !CAN_COMMAND ? rangeWords()
                : isDistributed ? `${count(store.connectedWorkers.value)} connected${missing > 0 ? ` · ${count(missing)} gone` : ""}` : "no workers: this machine generates the load"}
            </span></h2>
          {CAN_COMMAND && missing > 0 && inRange === undefined ? (
            <label class="check"><input type="checkbox" checked={hidesGone.value} onChange={(event) => (hidesGone.value = event.currentTarget.checked)} />Hide those that are gone</label>
          ) : null}
        </header>
        {inRange !== undefined ? <RangeTable workers={inRange} /> : !CAN_COMMAND ? (
          <p class="empty">{asked.error.value === "" ? "Loading…" : <>{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></>}</p>
        ) : workers.length === 0 ? <Nobody /> : <NowTable workers={shown} />}
      </section>
      {CAN_COMMAND && store.hello.value?.stock_port ? (
        <p class="note" id="stock-port"><strong>Port {store.hello.value.stock_port} asks for no keys</strong> (<code>--allow-stock</code>, for workers of Locust and boomer): what is said there is in clear, and whoever reaches it may read the locustfile and its options, join, report what he likes and stop the test. Let only those machines reach it.</p>
      ) : null}
      <Courses />
      <Classes />
    </>
  );
}
