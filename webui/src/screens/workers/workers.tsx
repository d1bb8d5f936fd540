/* Workers: who generates the load, and whether they are fit to measure. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { IS_REPORT } from "../../lib/build";
import { store } from "../../app-state";
import { count } from "../../lib/format";
import { isConnected } from "../../live/store";
import { answer } from "../../range/data";
import { isFixed } from "../../range/state";
import { Courses } from "./courses";
import { Classes, NowTable, RangeTable } from "./tables";
import { HowToStart, Verdict } from "./verdict";

function Nobody(): JSX.Element {
  if (store.run.value?.distributed !== true) return <p class="empty">The load generator is still starting.</p>;
  return <div class="empty"><p>No worker is connected.</p><HowToStart /></div>;
}

export function WorkersScreen(): JSX.Element {
  const hidesGone = useSignal(false);
  const workers = [...store.workers.value].sort((a, b) => a.index - b.index);
  const missing = workers.length - store.connectedWorkers.value;
  const isDistributed = store.run.value?.distributed ?? false;
  const inRange = isFixed.value ? answer.answer.value?.workers : undefined;
  const shown = hidesGone.value ? workers.filter(isConnected) : workers;
  return (
    <>
      <h1 class="visually-hidden">Workers</h1>
      <Verdict />
      <section class="panel" aria-labelledby="workers-title">
        <header class="panel-head wraps">
          <h2 id="workers-title">{isDistributed ? "Workers" : "Load generator"}{" "}
            <span class="unit">
              {inRange !== undefined ? "in the selection" : IS_REPORT ? "at the end of the run"
                : isDistributed ? `${count(store.connectedWorkers.value)} connected${missing > 0 ? ` · ${count(missing)} gone` : ""}` : "no workers: this machine generates the load"}
            </span></h2>
          {missing > 0 && inRange === undefined ? (
            <label class="check"><input type="checkbox" checked={hidesGone.value} onChange={(event) => (hidesGone.value = event.currentTarget.checked)} />Hide those that are gone</label>
          ) : null}
        </header>
        {inRange !== undefined ? <RangeTable workers={inRange} /> : workers.length === 0 ? <Nobody /> : <NowTable workers={shown} />}
      </section>
      <Courses />
      <Classes />
    </>
  );
}
