/* The charts of all requests. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { source, store } from "../../app-state";
import { Heatmap } from "../../chart/heatmap";
import { KindsChart } from "../../chart/kinds";
import { DATA_RATE, HEALTH, PERCENTILES, PHASES, STATUS, THROUGHPUT, dataFormat, mask, percentileLines, percentileName, setMask } from "../../chart/lines";
import { TimeChart } from "../../chart/time-chart";
import { bytesAxis, count, ms, msAxis, msUnit, rate } from "../../lib/format";
import { recall, remember } from "../../lib/storage";
import { POINT } from "../../live/protocol";
import type { SeriesView } from "../../live/series";
import { chartView, chartsError, courseKey } from "../../range/data";
import { useQuestion } from "../../range/question";
import { span } from "../../range/state";

const HEAT_EVERY_S = 5;
const FAILURES_EVERY_S = 5;

export function ScaleSwitch(props: { isLog: boolean; onChange: (isLog: boolean) => void }): JSX.Element {
  return (
    <div class="segments small" role="group" aria-label="Scale">
      <button type="button" aria-pressed={!props.isLog} onClick={() => props.onChange(false)}>lin</button>
      <button type="button" aria-pressed={props.isLog} onClick={() => props.onChange(true)}>log</button>
    </div>
  );
}

export function MaskSwitch(): JSX.Element {
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

export function LatencyChart(props: { id: string; title: string; view: SeriesView; error?: string }): JSX.Element {
  const isLog = useSignal(recall("latency-scale") === "log");
  return (
    <TimeChart id={props.id} title={props.title} unit="ms" view={props.view} lines={percentileLines()} format={ms} axisFormat={msAxis} isLog={isLog.value} error={props.error ?? ""}
      tools={<><MaskSwitch /><ScaleSwitch isLog={isLog.value} onChange={(on) => { isLog.value = on; remember("latency-scale", on ? "log" : "lin"); }} /></>} />
  );
}

function FailureKinds(): JSX.Element {
  const asked = useQuestion(
    () => (store.failures.value[0] > 0 ? courseKey(FAILURES_EVERY_S) : null),
    async (signal) => {
      const { from, to } = span.peek();
      return { from, to, failures: await source.figures.failures(from, to, signal) };
    },
    [],
  );
  return <KindsChart answer={asked.answer.value} hasFailures={store.failures.value[0] > 0} error={asked.error.value} onRetry={asked.retry} />;
}

export function LiveHeatmap(props: { id: string; title: string; row: number }): JSX.Element {
  const asked = useQuestion(
    () => courseKey(HEAT_EVERY_S),
    (signal) => source.figures.heatmap(span.peek().from, span.peek().to, props.row, signal),
    [props.row],
  );
  return <Heatmap id={props.id} title={props.title} answer={asked.answer.value} error={asked.error.value} onRetry={asked.retry} />;
}

function has(view: SeriesView, ...columns: number[]): boolean {
  return columns.some((column) => view.column(column).some((value) => value !== null));
}

export function Charts(): JSX.Element {
  const view = chartView.value;
  const error = chartsError.value;
  const noStatus = has(view, POINT.s2, POINT.s0, POINT.s4, POINT.s5) ? {} : { empty: "No HTTP answer was counted in this range." };
  const noPhases = has(view, POINT.wait) ? {} : { empty: "The phases of requests are measured by HttpUser and FastHttpUser of Katydid’s workers only." };
  const noHealth = has(view, POINT.lag, POINT.cpu) ? {} : { empty: "No worker has said how it is." };
  return (
    <div class="charts">
      <TimeChart id="throughput" title="Throughput" unit="requests/s" view={view} lines={THROUGHPUT} format={rate} rightFormat={count} error={error} />
      <LatencyChart id="latency" title="Response time" view={view} error={error} />
      <LiveHeatmap id="heatmap" title="Latency heatmap" row={0} />
      <FailureKinds />
      <TimeChart id="status" title="Status codes" unit="answers/s" view={view} lines={STATUS} format={rate} isStacked {...noStatus} error={error} />
      <TimeChart id="data" title="Data rate" unit="bytes/s" view={view} lines={DATA_RATE} format={dataFormat} axisFormat={bytesAxis} error={error} />
      <TimeChart id="phases" title="Phases" unit="mean ms" view={view} lines={PHASES} format={ms} axisFormat={msAxis} isStacked {...noPhases} error={error} />
      <TimeChart id="health" title="Load generators" unit="loop lag ms, CPU %" view={view} lines={HEALTH} format={msUnit} axisFormat={msAxis}
        rightFormat={(value) => (value === null || value === undefined ? "–" : `${value.toFixed(0)} %`)} {...noHealth} error={error} />
    </div>
  );
}
