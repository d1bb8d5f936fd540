/* The charts of all requests. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { source, store } from "../../app-state";
import { Heatmap } from "../../chart/heatmap";
import { KindsChart } from "../../chart/kinds";
import { DATA_RATE, HEALTH, PERCENTILES, PHASES, STATUS, THROUGHPUT, dataFormat, mask, percentileLines, percentileName, setMask } from "../../chart/lines";
import { TimeChart } from "../../chart/time-chart";
import { ms, msUnit, rate } from "../../lib/format";
import { recall, remember } from "../../lib/storage";
import { POINT } from "../../live/protocol";
import type { SeriesView } from "../../live/series";
import { chartView, chartsTrouble, courseKey } from "../../range/data";
import { useQuestion } from "../../range/question";
import { limitsOfAll, type Limit, type Quantity } from "../../verdict/limits";
import { thresholds } from "../../verdict/state";
import { runSpan, span } from "../../range/state";

const LEAST = 1e-9; // more than nothing
const HEAT_EVERY_S = 5;
const FAILURES_EVERY_S = 5;

function ScaleSwitch(props: { isLog: boolean; onChange: (isLog: boolean) => void }): JSX.Element {
  return (
    <div class="segments small" role="group" aria-label="Scale">
      <button type="button" aria-pressed={!props.isLog} onClick={() => props.onChange(false)}>lin</button>
      <button type="button" aria-pressed={props.isLog} onClick={() => props.onChange(true)}>log</button>
    </div>
  );
}

function MaskSwitch(): JSX.Element {
  return (
    <details class="mask">
      <summary class="button quiet small">percentiles</summary>
      <div class="mask-list">
        {PERCENTILES.map((name) => (
          <label class="check" key={name}>
            <input type="checkbox" checked={mask.value.includes(name)}
              onChange={(event) => setMask(event.currentTarget.checked ? [...mask.value, name] : mask.value.filter((other) => other !== name))} />
            {percentileName(name)}
          </label>
        ))}
      </div>
    </details>
  );
}

export function LatencyChart(props: { id: string; title: string; view: SeriesView; error?: string; onRetry?: () => void; limits?: readonly Limit[] }): JSX.Element {
  const isLog = useSignal(recall("latency-scale") === "log");
  return (
    <TimeChart id={props.id} title={props.title} unit="ms" view={props.view} lines={percentileLines()} format={ms} kind="ms" isLog={isLog.value} error={props.error ?? ""} {...(props.onRetry ? { onRetry: props.onRetry } : {})} limits={props.limits ?? []}
      tools={<><MaskSwitch /><ScaleSwitch isLog={isLog.value} onChange={(on) => { isLog.value = on; remember("latency-scale", on ? "log" : "lin"); }} /></>} />
  );
}

function FailureKinds(): JSX.Element {
  const asked = useQuestion(
    () => (store.hasFailures.value ? courseKey(FAILURES_EVERY_S) : null),
    async (signal) => {
      const { from, to } = span.peek();
      return { from, to, run: runSpan.peek(), ...(await source.queries.failuresOver(from, to, signal)) };
    },
    [],
  );
  return <KindsChart answer={asked.answer.value} hasFailures={store.hasFailures.value} error={asked.error.value} onRetry={asked.retry} />;
}

export function LiveHeatmap(props: { id: string; title: string; row: number }): JSX.Element {
  const asked = useQuestion(
    () => courseKey(HEAT_EVERY_S),
    (signal) => source.queries.heatmap(span.peek().from, span.peek().to, props.row, signal),
    [props.row],
  );
  return <Heatmap id={props.id} title={props.title} row={props.row} answer={asked.answer.value} error={asked.error.value} onRetry={asked.retry} />;
}

/** Something was measured there: more than nothing, or more than zero. */
export function has(view: SeriesView, least: number, ...columns: number[]): boolean {
  return columns.some((column) => view.column(column).some((value) => value !== null && value >= least));
}

/** A panel that cannot have data is not there: custom events have no status, no bytes and no phases. */
export function Charts(): JSX.Element {
  const view = chartView.value;
  const shared = { view, ...chartsTrouble.value };
  const limits = (quantity: Quantity): Limit[] => limitsOfAll(thresholds.value, quantity);
  return (
    <div class="charts">
      <TimeChart id="throughput" title="Throughput" unit="requests/s" lines={THROUGHPUT} format={rate} {...shared} limits={limits("rate")} />
      <LatencyChart id="latency" title="Response time" {...shared} limits={limits("time")} />
      <LiveHeatmap id="heatmap" title="Latency heatmap" row={0} />
      {store.hasFailures.value ? <FailureKinds /> : null}
      {has(view, LEAST, POINT.s2, POINT.s3, POINT.s4, POINT.s5, POINT.s0) ? <TimeChart id="status" title="Status codes" unit="answers/s" lines={STATUS} format={rate} isStacked {...shared} /> : null}
      {has(view, LEAST, POINT.sent, POINT.received) ? <TimeChart id="data" title="Data rate" unit="bytes/s" lines={DATA_RATE} format={dataFormat} kind="bytes" {...shared} /> : null}
      {has(view, 0, POINT.wait) ? <TimeChart id="phases" title="Phases" unit="mean ms" lines={PHASES} format={ms} kind="ms" isStacked {...shared} /> : null}
      {has(view, 0, POINT.lag, POINT.cpu) ? (
        <TimeChart id="health" title="Load generators" unit="loop lag ms, CPU %" lines={HEALTH} limits={limits("lag")} format={msUnit} kind="ms" rightKind="percent"
          rightFormat={(value) => (value === null || value === undefined ? "–" : `${value.toFixed(0)} %`)} {...shared} />
      ) : null}
    </div>
  );
}
