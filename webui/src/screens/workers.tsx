/* Workers: who generates the load, and whether they are fit to measure. */
import type { JSX } from "preact";
import { store } from "../app-state";
import { bytes, count, ms, percent, rate, visible } from "../lib/format";
import { health } from "../live/health";
import type { Worker } from "../live/store";
import { isConnected } from "../live/store";
import type { RangeWorker } from "../live/protocol";
import { SaturationNote } from "../parts/saturation";
import { Status } from "../parts/status";
import { answer } from "../range/data";
import { isFixed } from "../range/state";

function Bar({ value }: { value: number }): JSX.Element {
  const width = Math.max(0, Math.min(100, value));
  return (
    <svg class={`bar ${value >= 90 ? "hot" : ""}`} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <path class="bar-track" d="M0 2H100" />
      {width > 0 ? <path class="bar-value" d={`M0 2H${width.toFixed(1)}`} /> : null}
    </svg>
  );
}

/** The workers of a selection: means and worst values of it, instead of those of now. */
function RangeTable({ workers }: { workers: RangeWorker[] }): JSX.Element {
  const nameOf = (index: number): string => store.workers.value.find((worker) => worker.index === index)?.id ?? `worker ${index}`;
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of workers">
      <table class="list workers">
        <thead>
          <tr>
            <th scope="col">Worker</th><th scope="col" class="number">Mean users</th><th scope="col" class="number">Requests</th>
            <th scope="col" class="number">Failed</th><th scope="col" class="number">Mean CPU</th><th scope="col" class="number">Most CPU</th>
            <th scope="col" class="number">Worst loop lag</th>
          </tr>
        </thead>
        <tbody>
          {workers.map(([index, requests, failures, cpuMean, cpuMax, lagMax, users]) => (
            <tr key={index}>
              <td data-label="Worker" class="name">{visible(nameOf(index))}</td>
              <td data-label="Mean users" class="number">{count(users)}</td>
              <td data-label="Requests" class="number">{count(requests)}</td>
              <td data-label="Failed" class="number">{percent(failures, requests)} %</td>
              <td data-label="Mean CPU" class="number">{cpuMean === null ? "–" : `${cpuMean.toFixed(0)} %`}</td>
              <td data-label="Most CPU" class="number cpu">{cpuMax === null ? "–" : <span>{cpuMax.toFixed(0)} % <Bar value={cpuMax} /></span>}</td>
              <td data-label="Worst loop lag" class="number">{lagMax === null ? "–" : `${ms(lagMax)} ms`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ worker }: { worker: Worker }): JSX.Element {
  const isThere = isConnected(worker);
  const { tone, word } = health(worker);
  return (
    <tr class={isThere ? "" : "gone"}>
      <td data-label="Worker" class="name">{visible(worker.id)}</td>
      <td data-label="State"><Status tone={tone}>{word}</Status></td>
      <td data-label="Users" class="number">{count(worker.users)}</td>
      <td data-label="Req/s" class="number">{isThere ? rate(worker.rps) : "–"}</td>
      <td data-label="Delivered" class="number">{count(worker.requests)}</td>
      <td data-label="CPU" class="number cpu">
        {isThere && worker.cpu !== null ? <span>{worker.cpu.toFixed(0)} % <Bar value={worker.cpu} /></span> : "–"}
      </td>
      <td data-label="Loop lag" class="number">{isThere && worker.lag !== null ? `${ms(worker.lag)} ms` : "–"}</td>
      <td data-label="Memory" class="number">{isThere && worker.memory > 0 ? bytes(worker.memory) : "–"}</td>
      <td data-label="Kind">{worker.isKatydid ? "Katydid" : "Locust"}</td>
    </tr>
  );
}

function Classes(): JSX.Element | null {
  const classes = store.classes.value;
  if (classes.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="classes-title">
      <header class="panel-head"><h2 id="classes-title">User classes</h2></header>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of user classes">
        <table class="list">
          <thead><tr><th scope="col">Class</th><th scope="col" class="number">Users</th><th scope="col" class="number">Weight</th></tr></thead>
          <tbody>
            {classes.map(([name, weight, fixed, users]) => (
              <tr key={name}>
                <td data-label="Class" class="name">{visible(name)}</td>
                <td data-label="Users" class="number">{count(users)}</td>
                <td data-label="Weight" class="number">{fixed > 0 ? `fixed ${count(fixed)}` : weight}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

export function WorkersScreen(): JSX.Element {
  const workers = [...store.workers.value].sort((a, b) => a.index - b.index);
  const missing = workers.length - store.connectedWorkers.value;
  const isDistributed = store.run.value?.distributed ?? false;
  const hot = workers.filter((worker) => health(worker).tone === "warn");
  return (
    <>
      <h1 class="visually-hidden">Workers</h1>
      <SaturationNote />
      {hot.length > 0 && !isFixed.value ? (
        <p class="callout warn">
          <Status tone="warn">{`${hot.map((worker) => visible(worker.id)).join(", ")} ${hot.length === 1 ? "is" : "are"} at the limit.`}</Status>{" "}
          Response times measured there may be ours, not the server’s. Spread the users over more workers or cores.
        </p>
      ) : null}
      <section class="panel" aria-labelledby="workers-title">
        <header class="panel-head">
          <h2 id="workers-title">{isDistributed ? "Workers" : "Load generator"}{" "}
            <span class="unit">{count(store.connectedWorkers.value)} connected{missing > 0 ? ` · ${count(missing)} gone` : ""}{isFixed.value ? " · in the selection" : ""}</span></h2>
        </header>
        {isFixed.value && answer.answer.value !== null ? (
          <RangeTable workers={answer.answer.value.workers} />
        ) : workers.length === 0 ? (
          <p class="empty">
            {isDistributed ? <>No worker is connected. Start one with <code>katydid --worker --master-host {location.hostname}</code></> : "The load generator is still starting."}
          </p>
        ) : (
          <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of workers">
            <table class="list workers">
              <thead>
                <tr>
                  <th scope="col">Worker</th><th scope="col">State</th><th scope="col" class="number">Users</th>
                  <th scope="col" class="number">Req/s</th><th scope="col" class="number">Delivered</th>
                  <th scope="col" class="number">CPU</th><th scope="col" class="number">Loop lag</th>
                  <th scope="col" class="number">Memory</th><th scope="col">Kind</th>
                </tr>
              </thead>
              <tbody>{workers.map((worker) => <Row key={worker.id} worker={worker} />)}</tbody>
            </table>
          </div>
        )}
      </section>
      <Classes />
    </>
  );
}
