/* The box of one or two sentences on Live: why the range is as it is, or what there is to wait for. It always says
 * something, so that nothing below it moves when there is news; what it found stays for some seconds, because what
 * changes every second cannot be read. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { source, store } from "../app-state";
import { IS_REPORT } from "../lib/build";
import { count } from "../lib/format";
import { oncePer } from "../lib/once";
import { linkTo } from "../lib/route";
import { POINT, ROW, type Failure } from "../live/protocol";
import type { SeriesView } from "../live/series";
import { InvalidWords, invalidNow } from "../parts/saturation";
import { answer, chartView, courseKey, shown } from "../range/data";
import { useQuestion } from "../range/question";
import { formatFixed } from "../range/range";
import { isFixed, liveText, span } from "../range/state";
import { timeText } from "../range/time";
import { findingsOf, type Finding, type WhyCourse, type WhyData } from "./rules";

const EVERY_S = 5;
const SETTLED_S = 5; // before that everything is a beginning
const QUIET_S = 10;

const PHASES = [["wait for a connection", POINT.queue], ["DNS", POINT.dns], ["connect", POINT.connect], ["TLS", POINT.tls], ["send", POINT.send], ["wait for the answer", POINT.wait], ["receive", POINT.receive]] as const;

/** The same course of the same view: what a rule found in it stays. */
const courseOf = oncePer((view: SeriesView): WhyCourse => ({
  x: view.x, step: view.step, users: view.column(POINT.users), rps: view.column(POINT.rps), p95: view.column(POINT.p95),
  phases: PHASES.map(([word, column]) => ({ word, values: view.column(column) })),
}));

const NOTHING: readonly Failure[] = [];

function dataOf(kinds: readonly Failure[]): WhyData {
  const { rows, total } = shown.value;
  return {
    requests: total[ROW.requests] ?? 0, failures: total[ROW.failures] ?? 0, kinds,
    rows: Array.from({ length: rows.length }, (_, slot) => ({
      method: rows.methods[slot]!, name: rows.names[slot]!, requests: rows.get(slot, ROW.requests), failures: rows.get(slot, ROW.failures), p95: rows.get(slot, ROW.p95),
    })),
    workers: answer.answer.value?.workers ?? [], isMoving: store.isRunning.value && !isFixed.value,
    course: courseOf(chartView.value),
  };
}

/** Users that do nothing that is counted: nobody should have to guess why the lines are flat. */
function waiting(): string {
  const run = store.run.value!;
  if (!store.isRunning.value || IS_REPORT || isFixed.value || run.setup) return "";
  const hasNone = !((store.total.value[ROW.requests] ?? 0) > 0);
  const seconds = run.users === 0 ? 0 : hasNone ? Math.floor(run.now - run.started) : store.series.silence(POINT.rps);
  if (hasNone && (seconds < QUIET_S || run.users < run.target)) return `No request has finished yet: users are starting, ${count(run.users)}${run.scenarios ? " so far" : ` of ${count(run.target)}`}.`;
  return seconds < QUIET_S ? "" : `No request has finished for ${count(seconds)} s, though ${count(run.users)} ${run.users === 1 ? "user runs" : "users run"}: they wait, or wait for an answer.`;
}

/** What there is to say when nothing stands out; "": of a run that did nothing its end tells. */
function calm(trouble: string): string {
  const { total } = shown.value;
  if (!((total[ROW.requests] ?? 0) > 0)) return isFixed.value ? "No request finished in this range." : store.isRunning.value ? "No request has finished yet." : "";
  if (span.value.to - span.value.from < SETTLED_S) return store.isRunning.value && !isFixed.value ? "The load has just begun." : "Too short to tell.";
  return (total[ROW.failures] ?? 0) > 0 ? trouble || "Loading…" : "No request failed, response times did not double, and no endpoint is far slower than the others.";
}

function hrefOf({ link }: Finding): string {
  const range = link.from === undefined || link.to === undefined ? {} : { range: formatFixed({ from: link.from, to: link.to }), run: store.run.value?.run ?? "" };
  return linkTo(link.screen, { ...link.query, ...range });
}

export function Why(): JSX.Element | null {
  const asked = useQuestion<Failure[]>(
    () => (store.hasFailures.value ? courseKey(EVERY_S) : null),
    (signal) => source.queries.failures(span.peek().from, span.peek().to, signal),
    [],
  );
  const { from, to } = span.value;
  const beat = Math.floor(to / EVERY_S);
  const kinds = asked.answer.value;
  const isAwaited = store.hasFailures.value && kinds === null;
  const held = useRef<Finding[]>([]);
  const found = useMemo(() => (to - from < SETTLED_S || isAwaited ? held.current : findingsOf(dataOf(kinds ?? NOTHING))), [liveText.value, beat, kinds, isAwaited, answer.answer.value]);
  held.current = found;
  const wait = waiting();
  const isNews = wait !== "" || invalidNow().length + found.length > 0;
  const rest = isNews ? "" : calm(asked.error.value);
  if (!isNews && rest === "") return null;
  return (
    <section class="panel why" aria-label="Why">
      <ul>
        {wait === "" ? null : <li>{wait} <a href={linkTo("workers")}>Workers</a></li>}
        {invalidNow().length === 0 ? null : <li><InvalidWords /> <a href={linkTo("workers")}>Workers</a></li>}
        {isNews ? null : <li class="muted">{rest}</li>}
        {found.map((finding) => (
          <li key={finding.id}>
            {finding.at === undefined ? "" : `${timeText(finding.at)}: `}{finding.text} <a href={hrefOf(finding)}>{finding.link.label}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}
