/* Tables of the Workers screen: how every worker is now, how they were in a selection, and the
 * user classes. */
import type { JSX } from "preact";
import { store } from "../../app-state";
import { bytes, count, msUnit, percent, rate, shortId, timespan, visible } from "../../lib/format";
import { health } from "../../live/health";
import type { RangeWorker } from "../../live/protocol";
import { isConnected, type Worker } from "../../live/store";
import { Spark } from "../../parts/spark";
import { Status } from "../../parts/status";
import { nameOfWorker } from "../failures/by-worker";
import { atLimit } from "../../verdict/state";
import { timeText } from "../../range/time";
import { trails } from "./trails";

function Bar({ value }: { value: number }): JSX.Element {
  const width = Math.max(0, Math.min(100, value));
  return (
    <svg class={`bar ${value >= 90 ? "hot" : ""}`} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
      <path class="bar-track" d="M0 2H100" />
      {width > 0 ? <path class="bar-value" d={`M0 2H${width.toFixed(1)}`} /> : null}
    </svg>
  );
}

const whole = (value: number | null): string => (value === null ? "–" : `${value.toFixed(0)} %`);

/** The workers of a selection: means and worst values of it, instead of those of now. */
export function RangeTable({ workers }: { workers: RangeWorker[] }): JSX.Element {
  const all = workers.reduce((sum, [, requests]) => sum + requests, 0);
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of workers">
      <table class="list workers">
        <thead>
          <tr>
            <th scope="col">Worker</th><th scope="col" class="number">Mean users</th><th scope="col" class="number">Requests</th>
            <th scope="col" class="number">Share</th><th scope="col" class="number">Failed</th><th scope="col" class="number">Mean CPU</th>
            <th scope="col" class="number">Most CPU</th><th scope="col" class="number">Worst loop lag</th>
          </tr>
        </thead>
        <tbody>
          {workers.map(([index, requests, failures, cpuMean, cpuMax, lagMax, users]) => (
            <tr key={index}>
              <td data-label="Worker" class="name">{nameOfWorker(index)}</td>
              <td data-label="Mean users" class="number">{count(users)}</td>
              <td data-label="Requests" class="number">{count(requests)}</td>
              <td data-label="Share" class="number">{percent(requests, all)} %</td>
              <td data-label="Failed" class="number">{percent(failures, requests)} %</td>
              <td data-label="Mean CPU" class="number">{whole(cpuMean)}</td>
              <td data-label="Most CPU" class="number cpu">{cpuMax === null ? "–" : <span>{whole(cpuMax)} <Bar value={cpuMax} /></span>}</td>
              <td data-label="Worst loop lag" class="number">{lagMax === null ? "–" : msUnit(lagMax)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function seenText(worker: Worker): string {
  if (isConnected(worker)) return "now";
  const { seen } = trails.of(worker.id);
  return seen > 0 ? `${timeText(seen)}, ${timespan(Math.max(1, (store.run.value?.now ?? seen) - seen))} ago` : "before this page was opened";
}

/** A value of a worker that is there. */
function Value(props: { label: string; className?: string; worker: Worker; value: number | null; text: (value: number) => string }): JSX.Element {
  return <td data-label={props.label} class={`number ${props.className ?? ""}`}>{isConnected(props.worker) && props.value !== null ? props.text(props.value) : "–"}</td>;
}

/** What keeps it from a processor: the limit of its container, others on its machine. */
function limitText(worker: Worker): string | undefined {
  const limit = worker.cpuLimit === null ? [] : [`Its container may use ${worker.cpuLimit} cores; throttled in ${worker.throttled.toFixed(0)} % of the time`];
  const wait = worker.starved === null ? [] : [`Waited for a processor in ${worker.starved.toFixed(0)} % of the time`];
  return [...limit, ...wait].join("; ") || undefined;
}

/** Columns that say the same of each, or nothing, are left out. */
interface Has {
  kinds: boolean;
  weights: boolean;
  clocks: boolean;
}

function Row({ worker, has }: { worker: Worker; has: Has }): JSX.Element {
  const isThere = isConnected(worker);
  const { tone, word } = health(worker, atLimit.value);
  return (
    <tr class={isThere ? "" : "gone"}>
      <td data-label="Worker" class="name" title={visible(worker.id)}>{shortId(worker.id)}</td>
      <td data-label="State"><Status tone={tone}>{isThere ? word : "gone"}</Status></td>
      <Value label="Users" worker={worker} value={worker.users} text={count} />
      <Value label="Req/s" worker={worker} value={worker.rps} text={rate} />
      <td data-label="Requests" class="number">{count(worker.requests)}</td>
      <td data-label="CPU" class="number cpu">
        {isThere && worker.cpu !== null ? <span title={limitText(worker)}>{worker.cpu.toFixed(0)} %{worker.cpuLimit === null ? " " : ` of ${worker.cpuLimit} cores `}<Bar value={worker.cpuLimit === null ? worker.cpu : worker.cpu / worker.cpuLimit} /></span> : "–"}
      </td>
      <td data-label="Last minute" class="trend"><Spark values={trails.of(worker.id).cpu} tone="ok inline" /></td>
      <Value label="Loop lag p99" worker={worker} value={worker.lagP99 ?? worker.lag} text={msUnit} />
      <Value label="Memory" worker={worker} value={worker.memory > 0 ? worker.memory : null} text={bytes} />
      <Value label="Connections" worker={worker} value={worker.connections} text={count} />
      <Value label="Files" className="files" worker={worker} value={worker.fds} text={count} />
      {has.weights ? <Value label="Weight" worker={worker} value={worker.weight} text={count} /> : null}
      {has.clocks ? <Value label="Clock" worker={worker} value={worker.clockError} text={(value) => `± ${msUnit(value)}`} /> : null}
      {has.kinds ? <td data-label="Kind">{worker.isKatydid ? "Katydid" : "Locust"}</td> : null}
      <td data-label="Seen" class="number">{seenText(worker)}</td>
    </tr>
  );
}

export function NowTable({ workers }: { workers: Worker[] }): JSX.Element {
  const has: Has = {
    kinds: workers.some((worker) => !worker.isKatydid),
    weights: workers.some((worker) => worker.weight !== null && worker.weight !== workers[0]!.weight),
    clocks: workers.some((worker) => (worker.clockError ?? 0) > 0),
  };
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of workers">
      <table class="list workers">
        <thead>
          <tr>
            <th scope="col">Worker</th><th scope="col">State</th><th scope="col" class="number">Users</th>
            <th scope="col" class="number">Req/s</th><th scope="col" class="number">Requests</th>
            <th scope="col" class="number" title="Of its busiest core">CPU</th><th scope="col" class="trend">Last minute</th>
            <th scope="col" class="number" title="99 of 100 turns of its loop were at most this late">Loop lag p99</th>
            <th scope="col" class="number">Memory</th><th scope="col" class="number">Connections</th>
            <th scope="col" class="number files" title="Open file descriptors">Files</th>
            {has.weights ? <th scope="col" class="number" title="Of its share of the load, beside those of the others">Weight</th> : null}
            {has.clocks ? <th scope="col" class="number" title="Scenarios begin there so much earlier or later than on the master's machine, at most">Clock</th> : null}
            {has.kinds ? <th scope="col">Kind</th> : null}<th scope="col" class="number">Seen</th>
          </tr>
        </thead>
        <tbody>{workers.map((worker) => <Row key={worker.id} worker={worker} has={has} />)}</tbody>
      </table>
    </div>
  );
}

export function Classes(): JSX.Element | null {
  const classes = store.classes.value;
  if (classes.length === 0) return null;
  const hasUsers = store.isRunning.value || store.isEnding.value; // else each has none
  return (
    <section class="panel" aria-labelledby="classes-title">
      <header class="panel-head"><h2 id="classes-title">User classes</h2></header>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of user classes">
        <table class="list">
          <thead><tr><th scope="col">Class</th>{hasUsers ? <th scope="col" class="number">Users</th> : null}<th scope="col" class="number">Weight</th></tr></thead>
          <tbody>
            {classes.map(([name, weight, fixed, users]) => (
              <tr key={name}>
                <td data-label="Class" class="name">{visible(name)}</td>
                {hasUsers ? <td data-label="Users" class="number">{count(users)}</td> : null}
                <td data-label="Weight" class="number">{fixed > 0 ? `fixed ${count(fixed)}` : weight}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
