/* The box of one or two sentences on Live: why the range is as it is. They stay for some seconds: what
 * changes every second cannot be read. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { source, store } from "../app-state";
import { oncePer } from "../lib/once";
import { linkTo } from "../lib/route";
import { invalidWords, spansIn } from "../live/health";
import { POINT, ROW, type Failure } from "../live/protocol";
import type { SeriesView } from "../live/series";
import { answer, chartView, courseKey, shown } from "../range/data";
import { useQuestion } from "../range/question";
import { formatFixed } from "../range/range";
import { isFixed, liveText, span } from "../range/state";
import { timeText } from "../range/time";
import { invalid } from "../verdict/state";
import { findingsOf, type Finding, type WhyCourse, type WhyData } from "./rules";

const EVERY_S = 5;
const SETTLED_S = 5; // before that everything is a beginning

const PHASES = [["wait for a connection", POINT.queue], ["DNS", POINT.dns], ["connect", POINT.connect], ["TLS", POINT.tls], ["send", POINT.send], ["wait for the answer", POINT.wait], ["receive", POINT.receive]] as const;

/** The same course of the same view: what a rule found in it stays. */
const courseOf = oncePer((view: SeriesView): WhyCourse => ({
  x: view.x, step: view.step, users: view.column(POINT.users), rps: view.column(POINT.rps), p95: view.column(POINT.p95),
  phases: PHASES.map(([word, column]) => ({ word, values: view.column(column) })),
}));

const NOTHING: readonly Failure[] = [];

function dataOf(kinds: readonly Failure[]): WhyData {
  const { rows, total } = shown.value;
  const { from, to } = span.value;
  const spans = spansIn(invalid.value, from, to);
  return {
    requests: total[ROW.requests] ?? 0, failures: total[ROW.failures] ?? 0, kinds,
    rows: Array.from({ length: rows.length }, (_, slot) => ({
      method: rows.methods[slot]!, name: rows.names[slot]!, requests: rows.get(slot, ROW.requests), failures: rows.get(slot, ROW.failures), p95: rows.get(slot, ROW.p95),
    })),
    workers: answer.answer.value?.workers ?? [], isMoving: store.isRunning.value && !isFixed.value,
    invalid: spans.length === 0 ? null : { words: invalidWords(spans, timeText), from: Math.floor(Math.min(...spans.map(([start]) => start))), to: Math.ceil(Math.max(...spans.map(([, end]) => end))) },
    course: courseOf(chartView.value),
  };
}

function hrefOf({ link }: Finding): string {
  const range = link.from === undefined || link.to === undefined ? {} : { range: formatFixed({ from: link.from, to: link.to }), run: store.run.value?.run ?? "" };
  return linkTo(link.screen, { ...link.query, ...range });
}

export function Why(): JSX.Element | null {
  const asked = useQuestion<Failure[]>(
    () => (store.hasFailures.value ? courseKey(EVERY_S) : null),
    (signal) => source.figures.failures(span.peek().from, span.peek().to, signal),
    [],
  );
  const { from, to } = span.value;
  const beat = Math.floor(to / EVERY_S);
  const kinds = asked.answer.value;
  const isAwaited = store.hasFailures.value && kinds === null;
  const held = useRef<Finding[]>([]);
  const found = useMemo(() => (to - from < SETTLED_S || isAwaited ? held.current : findingsOf(dataOf(kinds ?? NOTHING))), [liveText.value, beat, kinds, isAwaited, answer.answer.value, invalid.value]);
  held.current = found;
  if (found.length === 0) return null;
  return (
    <section class="panel why" aria-label="Why">
      <ul>
        {found.map((finding) => (
          <li key={finding.id}>
            {finding.at === undefined ? "" : `${timeText(finding.at)}: `}{finding.text} <a href={hrefOf(finding)}>{finding.link.label}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}
