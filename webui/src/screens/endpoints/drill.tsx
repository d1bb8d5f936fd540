/* Everything about one endpoint in the range of the page: beside the table on wide pages, instead
 * of it on narrow ones. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { source } from "../../app-state";
import { PercentileCurve } from "../../chart/curve";
import { Distribution, nextOutcome } from "../../chart/distribution";
import { phaseColor, PHASE_NAMES, THROUGHPUT } from "../../chart/lines";
import { Scatter } from "../../chart/scatter";
import { TimeChart } from "../../chart/time-chart";
import { count, ms, msUnit, percent, rate, visible } from "../../lib/format";
import { useKeys } from "../../lib/keys";
import { POINT, ROW, type DistributionAnswer, type Failure } from "../../live/protocol";
import { NO_VIEW, SeriesTable, type SeriesView } from "../../live/series";
import { Icon } from "../../parts/icons";
import { Samples } from "../../parts/samples";
import { chartView, courseKey, drawn, rangeKey, shown } from "../../range/data";
import { useQuestion } from "../../range/question";
import { setFixed, span } from "../../range/state";
import { timeText } from "../../range/time";
import { rangeWords } from "../../range/words";
import { limitsOfAll, limitsOfRow, type Limit, type Quantity } from "../../verdict/limits";
import { thresholds } from "../../verdict/state";
import { LatencyChart, LiveHeatmap } from "../live/charts";

const EVERY_S = 3;
const FAILURES_EVERY_S = 5;
const FEW = 100;
const FAILURES_SHOWN = 5;

export interface DrillProps {
  id: number;
  method: string;
  name: string;
  onStep: (by: number) => void;
  onClose: () => void;
}

type Total = (column: number) => number;

/** The row of this endpoint in the range, or all requests for 0. */
function rowOf(id: number): Total {
  const { rows, total } = shown.value;
  if (id === 0) return (column) => total[column] ?? 0;
  const slot = rows.slotOf(id);
  return (column) => (slot === undefined ? 0 : rows.get(slot, column));
}

function Summary({ get, answer }: { get: Total; answer: DistributionAnswer | null }): JSX.Element {
  const n = get(ROW.requests);
  const seconds = Math.max(1, span.value.to - span.value.from);
  const ci = answer?.ci95.p95;
  const fact = (label: string, value: ComponentChildren, tone = ""): JSX.Element => <div class={tone}><dt>{label}</dt><dd>{value}</dd></div>;
  const time = (column: number): string => (n > 0 ? msUnit(get(column)) : "–");
  return (
    <dl class="drill-facts">
      {fact(`requests ${rangeWords()}`, count(n))}
      {fact("req/s", rate(shown.value.isRange ? get(ROW.totalRps) : n / seconds))}
      {fact("failed", n > 0 ? `${percent(get(ROW.failures), n)} %` : "–", get(ROW.failures) > 0 ? "warm" : "")}
      {fact("p50", time(ROW.p50))}
      {fact("p95", <>{time(ROW.p95)}{ci && ci[0] !== null ? <span class="ci" title="95 % confidence">{ci[1] === null ? ` ≥ ${ms(ci[0])}` : ` ${ms(ci[0])}–${ms(ci[1])}`}</span> : null}</>)}
      {fact("p99", time(ROW.p99))}
      {fact("max", time(ROW.max))}
      {n > 0 && n < FEW ? fact("few", `only ${n} requests`, "hot") : null}
    </dl>
  );
}

interface Part {
  label: string;
  value: number;
  text: string;
  color: string;
}

/** Parts of a whole side by side, with their words below: never colour alone. */
function PartsBar({ title, unit, parts, empty }: { title: string; unit: string; parts: Part[]; empty: string }): JSX.Element {
  const all = parts.reduce((sum, part) => sum + part.value, 0);
  let at = 0;
  return (
    <section class="panel parts" aria-label={title}>
      <header class="panel-head"><h2>{title} <span class="unit">{unit}</span></h2></header>
      {all <= 0 ? <p class="note">{empty}</p> : (
        <>
          <svg class="parts-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
            {parts.map((part) => {
              const width = (100 * part.value) / all;
              const x = at;
              at += width;
              return width > 0 ? <rect key={part.label} class={`fill${part.color}`} x={x} y={0} width={Math.max(0.3, width - 0.15)} height={6} /> : null;
            })}
          </svg>
          <ul class="parts-list">
            {parts.filter((part) => part.value > 0).map((part) => (
              <li key={part.label}><svg class="dot" viewBox="0 0 8 8" aria-hidden="true"><rect class={`fill${part.color}`} width="8" height="8" rx="2" /></svg>{part.label} <b>{part.text}</b></li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Status({ get }: { get: Total }): JSX.Element {
  const all = [ROW.s2, ROW.s3, ROW.s4, ROW.s5, ROW.s0].reduce((sum, column) => sum + get(column), 0);
  const part = (label: string, column: number, color: string): Part => ({ label, value: get(column), text: `${percent(get(column), all)} %`, color });
  return (
    <PartsBar title="Status codes" unit="" empty="No HTTP answer was counted in this range."
      parts={[part("2xx", ROW.s2, "--s1"), part("3xx", ROW.s3, "--s6"), part("4xx", ROW.s4, "--s4"), part("5xx", ROW.s5, "--s2"), part("no answer", ROW.s0, "--s5")]} />
  );
}

/** The mean over the range, weighted by the requests of each step. */
function weighted(view: SeriesView, column: number): number {
  const [values, rates] = [view.column(column), view.column(POINT.rps)];
  let [sum, weight] = [0, 0];
  values.forEach((value, i) => {
    if (value === null) return;
    const n = rates[i] ?? 0;
    sum += value * n;
    weight += n;
  });
  return weight > 0 ? sum / weight : 0;
}

function Phases({ view }: { view: SeriesView }): JSX.Element {
  const parts = PHASE_NAMES.map(([name, label]) => {
    const value = weighted(view, POINT[name]);
    return { label, value, text: `${ms(value)} ms`, color: phaseColor(name) };
  });
  return <PartsBar title="Phases" unit="mean" parts={parts} empty="The phases are measured by HttpUser and FastHttpUser of Katydid’s workers only." />;
}

function Failures({ method, name }: { method: string; name: string }): JSX.Element | null {
  const asked = useQuestion(
    () => rangeKey(FAILURES_EVERY_S),
    (signal) => source.queries.failures(span.peek().from, span.peek().to, signal),
    [],
  );
  const mine = (asked.answer.value ?? []).filter((failure: Failure) => (method === "" || (failure.method === method && failure.name === name)) && (failure.in_range ?? failure.count) > 0);
  if (mine.length === 0) return null;
  mine.sort((a, b) => (b.in_range ?? b.count) - (a.in_range ?? a.count));
  return (
    <section class="panel drill-failures" aria-label="Failures">
      <header class="panel-head"><h2>Failures <span class="unit">{count(mine.length)} {mine.length === 1 ? "kind" : "kinds"} in this range</span></h2></header>
      <ul>
        {mine.slice(0, FAILURES_SHOWN).map((failure) => (
          <li key={failure.text}>
            <b>{count(failure.in_range ?? failure.count)}×</b>
            <span class="message">{visible(failure.text).slice(0, 300)}</span>
            <button type="button" class="link" title="Show the time from the first to the last" onClick={() => setFixed({ from: failure.first, to: failure.last + 1 })}>{timeText(failure.first)} – {timeText(failure.last)}</button>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The requests behind the tail, of all of the run; those that failed are with their failure. */
function Slowest({ id }: { id: number }): JSX.Element {
  const isOpen = useSignal(false);
  return (
    <details class="panel drill-slowest" onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary>Slowest requests <span class="unit">that did not fail, in all of the run</span></summary>
      {isOpen.value ? <Samples key={id} of={[{ row: id }]} /> : null}
    </details>
  );
}

export function Drill(props: DrillProps): JSX.Element {
  const { id, method, name } = props;
  const title = useRef<HTMLHeadingElement>(null);
  const get = rowOf(id);
  const series = useQuestion<SeriesTable>(() => courseKey(EVERY_S), (signal) => source.queries.series({ ...span.peek(), id }, signal), [id]);
  const spread = useQuestion<DistributionAnswer>(() => rangeKey(EVERY_S), (signal) => source.queries.distribution(span.peek().from, span.peek().to, id, signal), [id]);
  const { from, to } = drawn.value;
  const view = useMemo(() => series.answer.value?.view(from, to) ?? NO_VIEW, [series.answer.value, from, to]);
  const text = `${visible(method)} ${visible(name)}`.trim();
  useEffect(() => title.current?.focus(), []);
  useKeys((key) => {
    if (key !== "o") return false;
    nextOutcome();
    return true;
  });
  const trouble = { error: series.error.value, onRetry: series.retry };
  const limits = (quantity: Quantity): Limit[] => (id === 0 ? limitsOfAll(thresholds.value, quantity) : limitsOfRow(thresholds.value, method, name, quantity));
  return (
    <section class="drill" aria-labelledby="drill-title">
      <header class="drill-head">
        <h2 id="drill-title" tabIndex={-1} ref={title} title={text}>{method ? <span class="method">{visible(method)}</span> : null} {visible(name)}</h2>
        <button type="button" class="button quiet icon-only small" aria-label="Copy the name" title="Copy the name" onClick={() => void navigator.clipboard?.writeText(name)}><Icon name="link" /></button>
        <button type="button" class="button quiet icon-only small" aria-label="Previous row" title="Previous row (key k)" onClick={() => props.onStep(-1)}><Icon name="left" /></button>
        <button type="button" class="button quiet icon-only small" aria-label="Next row" title="Next row (key j)" onClick={() => props.onStep(1)}><Icon name="right" /></button>
        <button type="button" class="button quiet icon-only small" aria-label="Close" title="Close (Esc)" onClick={props.onClose}><Icon name="close" /></button>
      </header>
      <Summary get={get} answer={spread.answer.value} />
      <div class="charts">
        <LatencyChart id="drill-latency" title="Response time" view={view} {...trouble} limits={limits("time")} />
        <TimeChart id="drill-rate" title="Rate" unit="requests/s" view={view} format={rate} {...trouble} lines={THROUGHPUT} limits={limits("rate")} />
        <Distribution id="drill-distribution" answer={spread.answer.value} error={spread.error.value} onRetry={spread.retry} />
        <PercentileCurve id="drill-curve" answer={spread.answer.value} error={spread.error.value} onRetry={spread.retry} />
        <LiveHeatmap id="drill-heatmap" title="Heatmap" row={id} />
        <Scatter id="drill-scatter" view={view} load={chartView.value} />
        <Phases view={view} />
        <Status get={get} />
        <Failures method={method} name={name} />
        {id !== 0 && source.has("samples") ? <Slowest id={id} /> : null}
      </div>
    </section>
  );
}
