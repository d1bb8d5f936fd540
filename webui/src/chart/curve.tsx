/* The response time that a part of the requests stays below. The scale to the right is 1/(1 − q),
 * so that each step of it is one nine more and the tail can be read; the bars at p50, p95 and p99
 * say between which values they lie with 95 % confidence. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { ms, msUnit, roundMs } from "../lib/format";
import { cssVar } from "../lib/theme";
import type { DistributionAnswer } from "../live/protocol";
import type { AnswerProps } from "./distribution";
import { barOf } from "./bars";
import { nines, shareAxis } from "./nines";
import { ChartPanel } from "./panel";
import { linear, logarithmic, logAxis, usePlot, valueAxis, type PlotData } from "./plot";

const MARKS: [keyof DistributionAnswer["ci95"], number][] = [["p50", 0.5], ["p95", 0.95], ["p99", 0.99]];

/** Beyond this the samples do not reach: fewer than one lies there. */
function reach(count: number): number {
  return nines(1 - 1 / Math.max(2, count));
}

function drawBar(plot: uPlot, x: number, low: number, high: number | null): void {
  const { ctx, bbox } = plot;
  const wing = 4 * devicePixelRatio;
  const bottom = plot.valToPos(Math.max(low, 1e-3), "y", true);
  const top = high === null ? bbox.top + wing : plot.valToPos(high, "y", true);
  ctx.beginPath();
  ctx.moveTo(x, top);
  ctx.lineTo(x, bottom);
  ctx.moveTo(x - wing, bottom);
  ctx.lineTo(x + wing, bottom);
  ctx.moveTo(x - wing, high === null ? top + wing : top);
  if (high === null) ctx.lineTo(x, top); // an arrow: it goes on
  ctx.lineTo(x + wing, high === null ? top + wing : top);
  ctx.stroke();
}

function drawConfidence(plot: uPlot, answer: DistributionAnswer): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = cssVar("--ink");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const [name, q] of MARKS) {
    const bar = barOf(answer.ci95[name], plot.scales["y"]!.max ?? Infinity);
    const x = plot.valToPos(nines(q), "x", true);
    if (bar !== null && x <= bbox.left + bbox.width) drawBar(plot, x, bar.low, bar.high);
  }
  ctx.restore();
}

function Canvas({ answer, isLog, sentence, onAt }: { answer: DistributionAnswer; isLog: boolean; sentence: string; onAt: (text: string) => void }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const data = useMemo(() => (): PlotData => {
    const end = reach(answer.count);
    const points = answer.curve.filter(([q]) => nines(q) <= end + 1e-9);
    return [points.map(([q]) => nines(q)), points.map(([, value]) => (isLog && value <= 0 ? null : value))];
  }, [answer, isLog]);
  const newest = useRef(answer);
  newest.current = answer;
  usePlot(box, {
    data, deps: [isLog],
    options: () => ({
      padding: [8, 22, 0, 0], legend: { show: false }, cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
      scales: { x: { time: false, range: (_, low, high) => [low ?? 0, Math.max(high ?? 1, 1)] }, y: isLog ? { distr: 3, range: logarithmic } : { range: linear } },
      axes: [
        shareAxis(),
        isLog ? logAxis(roundMs) : valueAxis("ms"),
      ],
      series: [{}, { label: "ms", stroke: cssVar("--p95"), width: 2, fill: cssVar("--band"), points: { show: false } }],
      hooks: {
        draw: [(plot) => drawConfidence(plot, newest.current)],
        setCursor: [(plot) => {
          const at = plot.cursor.idx;
          const point = at === null || at === undefined ? undefined : newest.current.curve[at];
          onAt(point === undefined ? "" : `${Number((100 * point[0]).toFixed(3))} % below ${msUnit(point[1])}`);
        }],
      },
    }),
  });
  return <div class="chart-box" ref={box} tabIndex={0} role="img" aria-label={sentence} />;
}

export function PercentileCurve({ id, answer, error, onRetry }: AnswerProps): JSX.Element {
  const isLog = useSignal(false);
  const at = useSignal("");
  const isEmpty = answer === null || answer.curve.length === 0;
  const last = answer?.curve.at(-1);
  return (
    <ChartPanel id={id} title="Percentile curve" unit="ms" error={error ?? ""} {...(onRetry ? { onRetry } : {})}
      tools={
        <div class="segments small" role="group" aria-label="Scale">
          <button type="button" aria-pressed={!isLog.value} onClick={() => (isLog.value = false)}>lin</button>
          <button type="button" aria-pressed={isLog.value} onClick={() => (isLog.value = true)}>log</button>
        </div>
      }
      empty={isEmpty ? (answer === null ? "Loading…" : "No request was answered in this range.") : ""}
      legend={isEmpty ? null : <span class="legend-note">{at.value || "bars: 95 % confidence; arrow: beyond the chart"}</span>}
      {...(isEmpty ? {} : { table: {
        head: ["percentile", "ms"], rows: () => answer.curve.map(([q, value]) => [100 * q, value]),
        text: (value, column) => (column === 0 ? `${Number(Number(value).toFixed(3))} %` : ms(Number(value))),
      } })}>
      {answer === null ? null : <Canvas answer={answer} isLog={isLog.value} sentence={`Percentile curve up to ${msUnit(last?.[1])}`} onAt={(text) => (at.value = text)} />}
    </ChartPanel>
  );
}
