/* The figures of the range at one look, with the last minute as a line. */
import type { JSX } from "preact";
import { store } from "../../app-state";
import { count, duration, percent, rate, shortCount } from "../../lib/format";
import { oncePer } from "../../lib/once";
import { isSettled } from "../../live/health";
import { POINT, ROW } from "../../live/protocol";
import type { SeriesView } from "../../live/series";
import { Spark } from "../../parts/spark";
import { Status, type Tone } from "../../parts/status";
import { invalidFor } from "../../parts/saturation";
import { chartView, shown, shownRate } from "../../range/data";
import { isFixed, isLive, span } from "../../range/state";
import { rangeWords } from "../../range/words";

const SPARK_POINTS = 90;
const FEW = 100;
const TOO_FEW = 20;

interface TileProps {
  label: string;
  value: string;
  unit?: string;
  /** What follows the first part is left out where it finds no room. */
  note: string | readonly string[];
  tone?: Tone;
  spark?: { column: number; tone: string };
}

/** The last steps of the range; of a long fixed range all of it, thinned. */
function sparkValues(column: number): (number | null)[] {
  const values = chartView.value.column(column);
  if (!isFixed.value || values.length <= SPARK_POINTS) return values.slice(-SPARK_POINTS);
  const every = values.length / SPARK_POINTS;
  return Array.from({ length: SPARK_POINTS }, (_, i) => values[Math.floor(i * every)] ?? null);
}

function Tile(props: TileProps): JSX.Element {
  const notes = typeof props.note === "string" ? [props.note] : props.note;
  return (
    <div class={`tile ${props.tone ?? ""}`}>
      <h2>{props.label}</h2>
      <p class="tile-value">
        {props.value}
        {props.unit ? <span class="unit"> {props.unit}</span> : null}
      </p>
      <p class="tile-note" title={notes.join(", ")}>
        {notes.map((note, i) => <span key={i}>{i > 0 ? `, ${note}` : note}</span>)}
      </p>
      {props.spark ? <Spark values={sparkValues(props.spark.column)} tone={props.spark.tone} /> : null}
    </div>
  );
}

function PercentileTile(props: { label: string; column: number; point: number; n: number }): JSX.Element {
  const isTimed = (shown.value.total[ROW.max] ?? 0) > 0;
  const value = isTimed ? shown.value.total[props.column] : null;
  const [text, unit] = props.n >= TOO_FEW || (props.n > 0 && !shown.value.isRange) ? duration(value) : duration(null);
  const now = isLive.value ? store.series.last(props.point) : null;
  const [nowText, nowUnit] = duration(now);
  const note = props.n > 0 && props.n < FEW ? `of only ${props.n} requests` : now !== null ? `now ${nowText} ${nowUnit}` : rangeWords();
  return <Tile label={props.label} value={text} unit={unit} note={note} spark={{ column: props.point, tone: "latency" }} />;
}

/** The highest value of a column, looked for once in what the charts draw. */
const highest = (column: number): ((view: SeriesView) => number | null) =>
  oncePer((view: SeriesView) => view.column(column).reduce<number | null>((most, value) => (value !== null && value > (most ?? -1) ? value : most), null));
const mostUsers = highest(POINT.users);
/** Of the processor. */
const busiest = highest(POINT.cpu);

function UsersTile(): JSX.Element {
  const run = store.run.value!;
  const spark = { column: POINT.users, tone: "users" };
  if (isFixed.value) return <Tile label="Users" value={count(mostUsers(chartView.value))} note="most in selection" spark={spark} />;
  const isOver = !store.isRunning.value && !store.isEnding.value;
  if (isOver) return <Tile label="Users" value={count(mostUsers(chartView.value))} note="at the peak" spark={spark} />;
  const note = run.setup ? "setting up" : run.scenarios ? `of ${count(run.scenarios)} ${run.scenarios === 1 ? "scenario" : "scenarios"}` : run.users === run.target ? "target reached" : `of ${count(run.target)}, ${rate(run.rate)}/s`;
  return <Tile label="Users" value={count(run.users)} note={note} spark={spark} />;
}

/** The verdict on the generators, of the range of the page; "" while there is none, and where one is gone. */
function limitWords(gone: number): string {
  const { from, to } = span.value;
  const length = invalidFor();
  if (length !== "") return `▲ invalid ${length}`;
  return gone === 0 && isSettled(from, to) && requestsOf() > 0 ? "✓ valid" : "";
}
const requestsOf = (): number => shown.value.total[ROW.requests] ?? 0;

function WorkersTile(): JSX.Element {
  const workers = store.workers.value;
  const most = busiest(chartView.value);
  const gone = isFixed.value ? 0 : workers.length - store.connectedWorkers.value;
  const isDistributed = store.run.value?.distributed ?? false;
  const verdict = [gone > 0 ? `▲ ${count(gone)} gone` : "", limitWords(gone)];
  const core = most === null ? "" : `core ≤ ${most.toFixed(0)} %`;
  const value = isDistributed ? `${store.connectedWorkers.value}/${workers.length}` : most === null ? "–" : most.toFixed(0);
  return (
    <Tile label={isDistributed ? "Workers" : "Load generator"} value={value} {...(isDistributed || most === null ? {} : { unit: "% CPU" })}
      note={[...verdict, isDistributed ? core : ""].filter((word) => word !== "")} tone={verdict.join("").includes("▲") ? "warn" : "idle"} spark={{ column: POINT.cpu, tone: "plain" }} />
  );
}

/** What the target has of requests that are none here. */
const ASIDE = [
  { column: ROW.cut, word: "cut", note: "Sent, but ended by the end of the test before an answer." },
  { column: ROW.discarded, word: "discarded", note: "Answered, but the task raised or ended before it judged the answer." },
  { column: ROW.resent, word: "resent", note: "Sent again, because the connection was closed before an answer." },
];

export function Tiles(): JSX.Element {
  const { total } = shown.value;
  const requests = total[ROW.requests] ?? 0;
  const failures = total[ROW.failures] ?? 0;
  const isNow = store.isRunning.value && !isFixed.value;
  return (
    <div class="tiles">
      <UsersTile />
      <Tile label="Requests per second" value={rate(shownRate.value)}
        note={`${shortCount(requests)} ${isNow ? rangeWords() : isFixed.value ? "in selection" : "in total"}`} spark={{ column: POINT.rps, tone: "ok" }} />
      <Tile label="Failed" value={percent(failures, requests)} unit={requests > 0 ? "%" : ""} tone={failures > 0 ? "fail" : "idle"}
        note={`${count(failures)} of ${shortCount(requests)}`} spark={{ column: POINT.failRps, tone: "failed" }} />
      <PercentileTile label="p50 response time" column={ROW.p50} point={POINT.p50} n={requests} />
      <PercentileTile label="p95 response time" column={ROW.p95} point={POINT.p95} n={requests} />
      <PercentileTile label="p99 response time" column={ROW.p99} point={POINT.p99} n={requests} />
      <WorkersTile />
      {ASIDE.map(({ column, word, note }) => {
        const n = total[column] ?? 0;
        return n > 0 ? (
          <p class="cut-note" key={word}>
            <Status tone="warn">{`${count(n)} ${word}`}</Status>{" "}
            {note} Counted neither as requests nor as failures.
          </p>
        ) : null;
      })}
    </div>
  );
}
