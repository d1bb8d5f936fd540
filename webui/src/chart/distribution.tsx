/* How the response times of a range are distributed, on a logarithmic scale: successes on top of
 * failures. The answer's buckets have widths of their own; they are divided among bars of equal
 * width, so that no bar is high only because it is wide. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { count, ms, msUnit, percent, roundMs } from "../lib/format";
import { cssVar } from "../lib/theme";
import type { DistributionAnswer } from "../live/protocol";
import { barsOf, logSplits } from "./bars";
import { ChartPanel } from "./panel";
import { font, linear, usePlot, valueAxis, axis, type PlotData } from "./plot";

/** What is counted: all, only successes, only failures. */
export type Outcome = "all" | "ok" | "failed";
const OUTCOMES: Outcome[] = ["all", "ok", "failed"];
export const outcome = signal<Outcome>("all");
export function nextOutcome(): void {
  outcome.value = OUTCOMES[(OUTCOMES.indexOf(outcome.value) + 1) % OUTCOMES.length]!;
}

const msOfLog = (exponent: number): string => roundMs(10 ** exponent);

function quantile(answer: DistributionAnswer, q: number): number | null {
  return answer.curve.find(([at]) => Math.abs(at - q) < 1e-9)?.[1] ?? null;
}

const MARKS: [string, number][] = [["p50", 0.5], ["p95", 0.95], ["p99", 0.99]];

function drawMarks(plot: uPlot, answer: DistributionAnswer): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.font = font(600).replace("12px", `${11 * scale}px`);
  ctx.textAlign = "center";
  let lastRight = -Infinity;
  for (const [label, q] of MARKS) {
    const value = quantile(answer, q);
    if (value === null) continue;
    const x = plot.valToPos(Math.log10(Math.max(value, 1e-3)), "x", true);
    ctx.strokeStyle = ctx.fillStyle = cssVar(`--${label}`);
    ctx.lineWidth = 1.5 * scale;
    ctx.setLineDash([4 * scale, 3 * scale]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top + 14 * scale);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const half = ctx.measureText(label).width / 2;
    if (x - half < lastRight + 4 * scale) continue;
    ctx.fillText(label, Math.min(x, bbox.left + bbox.width - half), bbox.top + 10 * scale);
    lastRight = x + half;
  }
  ctx.restore();
}

function Canvas({ answer, sentence }: { answer: DistributionAnswer; sentence: string }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const bars = useMemo(() => barsOf(answer.buckets), [answer]);
  const which = outcome.value;
  const data = useMemo(() => (): PlotData => {
    const failed = which === "ok" ? bars.failed.map(() => 0) : bars.failed;
    const top = bars.ok.map((ok, i) => (which === "failed" ? 0 : ok) + failed[i]!);
    const end = (values: number[]): number[] => [...values, values.at(-1) ?? 0];
    return [bars.edges, end(top), end(failed)];
  }, [bars, which]);
  const newest = useRef(answer);
  newest.current = answer;
  usePlot(box, {
    data, deps: [],
    options: () => ({
      padding: [8, 14, 0, 0], legend: { show: false }, cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
      scales: { x: { time: false, range: (plot) => [plot.data[0][0] ?? 0, plot.data[0].at(-1) ?? 1] }, y: { range: linear } },
      axes: [
        axis({ size: 28, splits: (_, __, low, high) => logSplits(low, high), values: (_, ticks) => ticks.map(msOfLog) }),
        valueAxis("count"),
      ],
      series: [
        {},
        { label: "ok", stroke: cssVar("--ok"), fill: cssVar("--ok-solid"), width: 1, paths: uPlot.paths.stepped!({ align: 1 }), points: { show: false } },
        { label: "failed", stroke: cssVar("--failed"), fill: cssVar("--failed-solid"), width: 1, paths: uPlot.paths.stepped!({ align: 1 }), points: { show: false } },
      ],
      hooks: { draw: [(plot) => drawMarks(plot, newest.current)] },
    }),
  });
  return <div class="chart-box" ref={box} tabIndex={0} role="img" aria-label={sentence} />;
}

function OutcomeSwitch(): JSX.Element {
  return (
    <div class="segments small" role="group" aria-label="Counted">
      {OUTCOMES.map((name) => (
        <button type="button" key={name} aria-pressed={outcome.value === name} onClick={() => (outcome.value = name)}>{name}</button>
      ))}
    </div>
  );
}

export interface AnswerProps {
  id: string;
  answer: DistributionAnswer | null;
  error?: string;
  onRetry?: () => void;
}

export function Distribution({ id, answer, error, onRetry }: AnswerProps): JSX.Element {
  const isEmpty = answer === null || answer.buckets.length === 0;
  const sentence = isEmpty ? "" : `Distribution of ${count(answer.count)} response times: half below ${msUnit(quantile(answer, 0.5))}, 95 % below ${msUnit(quantile(answer, 0.95))}`;
  return (
    <ChartPanel id={id} title="Distribution" unit="ms, log" error={error ?? ""} {...(onRetry ? { onRetry } : {})} tools={<OutcomeSwitch />}
      empty={isEmpty ? (answer === null ? "Loading…" : "No request was answered in this range.") : ""}
      legend={isEmpty ? null : (
        <>
          <span class="legend-static"><i class="swatch ok" />ok <b>{count(answer.count - answer.failed)}</b></span>
          <span class="legend-static"><i class="swatch failed" />failed <b>{count(answer.failed)}</b></span>
        </>
      )}
      {...(isEmpty ? {} : { table: {
        head: ["from ms", "to ms", "ok", "failed", "part %"],
        rows: () => answer.buckets.map(([from, to, ok, failed]) => [from, to, ok, failed, (100 * (ok + failed)) / Math.max(1, answer.count)]),
        text: (value, column) => (column < 2 ? ms(Number(value)) : column === 4 ? percent(Number(value), 100) : count(Number(value))),
      } })}>
      {answer === null ? null : <Canvas answer={answer} sentence={sentence} />}
    </ChartPanel>
  );
}
