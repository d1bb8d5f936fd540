/* Live: how the test stands, at one look. */
import type { JSX } from "preact";
import { chartRange, store } from "../app-state";
import { Chart } from "../chart/chart";
import { count, duration, percent, rate, shortCount } from "../lib/format";
import { POINT, ROW } from "../live/protocol";
import { LoadForm } from "../parts/load-form";
import { Spark } from "../parts/spark";
import { Status, type Tone } from "../parts/status";

const SPARK_POINTS = 60;
const RANGES: [number, string][] = [[60, "1 min"], [300, "5 min"], [900, "15 min"], [0, "All"]];

interface TileProps {
  label: string;
  value: string;
  unit?: string;
  note: string;
  tone?: Tone;
  spark?: { column: number; tone: string };
}

function Tile(props: TileProps): JSX.Element {
  const values = props.spark ? store.series.columns[props.spark.column]!.slice(-SPARK_POINTS) : [];
  return (
    <div class={`tile ${props.tone ?? ""}`}>
      <h3>{props.label}</h3>
      <p class="tile-value">
        {props.value}
        {props.unit ? <span class="unit"> {props.unit}</span> : null}
      </p>
      <p class="tile-note">{props.note}</p>
      {props.spark ? <Spark values={values} tone={props.spark.tone} /> : null}
    </div>
  );
}

function PercentileTile(props: { label: string; column: number; point: number; n: number }): JSX.Element {
  const value = store.total.value[props.column];
  const [text, unit] = props.n > 0 ? duration(value) : duration(null);
  const now = store.isRunning.value ? store.series.last(props.point) : null;
  const [nowText, nowUnit] = duration(now);
  const note = props.n > 0 && props.n < 100 ? `of only ${props.n} requests` : now !== null ? `now ${nowText} ${nowUnit}` : "since the start";
  return (
    <Tile label={props.label} value={text} unit={unit} note={note} spark={{ column: props.point, tone: "latency" }} />
  );
}

function Tiles(): JSX.Element {
  store.revision.value; // sparks read the series
  const run = store.run.value!;
  const total = store.total.value as number[];
  const requests = total[ROW.requests] ?? 0;
  const failures = total[ROW.failures] ?? 0;
  const cut = total[ROW.cut] ?? 0;
  const isOver = !store.isRunning.value && !store.isEnding.value;
  return (
    <div class="tiles">
      <Tile label="Users" value={count(run.users)} spark={{ column: POINT.users, tone: "users" }}
        note={run.users === run.target || isOver ? (isOver ? "the test has ended" : "target reached") : `of ${count(run.target)}, ${rate(run.rate)}/s`} />
      <Tile label="Requests per second" value={rate(isOver ? total[ROW.totalRps] : total[ROW.rps])}
        note={`${shortCount(requests)} in total${isOver ? ", on average" : ""}`} spark={{ column: POINT.rps, tone: "ok" }} />
      <Tile label="Failed" value={percent(failures, requests)} unit={requests > 0 ? "%" : ""} tone={failures > 0 ? "fail" : "idle"}
        note={`${count(failures)} of ${shortCount(requests)}`} spark={{ column: POINT.failRps, tone: "failed" }} />
      <PercentileTile label="Response time, p50" column={ROW.p50} point={POINT.p50} n={requests} />
      <PercentileTile label="Response time, p95" column={ROW.p95} point={POINT.p95} n={requests} />
      <PercentileTile label="Response time, p99" column={ROW.p99} point={POINT.p99} n={requests} />
      {cut > 0 ? (
        <p class="cut-note">
          <Status tone="warn">{`${count(cut)} cut`}</Status>{" "}
          Sent, but ended by the end of the test before an answer. Counted neither as requests nor as failures.
        </p>
      ) : null}
    </div>
  );
}

function pick(column: number): (row: number) => number | null {
  return (row) => store.series.columns[column]![row] ?? null;
}

function okRate(row: number): number | null {
  const all = store.series.columns[POINT.rps]![row];
  const failed = store.series.columns[POINT.failRps]![row];
  return all === null || all === undefined ? null : Math.max(0, all - (failed ?? 0));
}

function msAxis(value: number | null | undefined): string {
  const [text, unit] = duration(value);
  return unit === "s" ? `${text} s` : text;
}

function Charts(): JSX.Element {
  store.revision.value; // each tick draws
  const range = chartRange.value;
  const data = (...picks: ((row: number) => number | null)[]) => () => store.series.window(picks, range);
  return (
    <>
      <div class="section-head">
        <h2>Over time</h2>
        <div class="segments" role="group" aria-label="Time shown in the charts">
          {RANGES.map(([seconds, label]) => (
            <button type="button" key={label} aria-pressed={range === seconds} onClick={() => (chartRange.value = seconds)}>
              {label}
            </button>
          ))}
        </div>
      </div>
      <div class="charts">
        <Chart id="throughput" title="Throughput" unit="requests/s" revision={store.revision} format={rate}
          data={data(okRate, pick(POINT.failRps))}
          lines={[{ label: "ok", color: "--ok", fill: "--ok-fill" }, { label: "failed", color: "--failed", dash: [4, 3], width: 2 }]} />
        <Chart id="latency" title="Response time" unit="ms" revision={store.revision} format={msAxis}
          data={data(pick(POINT.p50), pick(POINT.p95), pick(POINT.p99))}
          lines={[{ label: "p50", color: "--p50" }, { label: "p95", color: "--p95", dash: [8, 4] }, { label: "p99", color: "--p99", dash: [2, 3] }]} />
        <Chart id="users" title="Users" unit="" revision={store.revision} format={count}
          data={data(pick(POINT.users), pick(POINT.target))}
          lines={[{ label: "running", color: "--users", fill: "--users-fill" }, { label: "target", color: "--muted", dash: [6, 4], width: 1.25 }]} />
      </div>
    </>
  );
}

function FirstStart(): JSX.Element {
  return (
    <div class="start">
      <section class="panel start-panel" aria-labelledby="start-title">
        <h1 id="start-title">Start a test</h1>
        <p class="lead">{store.hello.value?.locustfile ?? ""}</p>
        <LoadForm kind="start" onDone={() => undefined} />
      </section>
    </div>
  );
}

export function LiveScreen(): JSX.Element {
  if (!store.hasRun.value && !store.isRunning.value) return <FirstStart />;
  const requests = store.total.value[ROW.requests] ?? 0;
  return (
    <>
      <h1 class="visually-hidden">Live</h1>
      <Tiles />
      {requests === 0 && store.isRunning.value ? (
        <p class="callout info">No request has finished yet: users are starting, {count(store.run.value!.users)} of {count(store.run.value!.target)}.</p>
      ) : null}
      <Charts />
    </>
  );
}

