/* Where the response times lie, second by second: time to the right, milliseconds up on a
 * logarithmic scale, the number of requests as colour. The picture is made as image data and
 * drawn in one call. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { count, ms, msUnit, roundMs } from "../lib/format";
import { painted } from "../lib/theme";
import type { HeatmapAnswer } from "../live/protocol";
import { timeText } from "../range/time";
import { CellSamples, type Cell } from "./cell";
import { ChartPanel } from "./panel";
import { overTime, timeAxis, usePlot, ownAxis, xOfColumns, type PlotData } from "./plot";
import { RAMP_STEPS, rampStep, rampTable } from "./ramp";

export interface HeatmapProps {
  id: string;
  title: string;
  /** The row of the endpoints table; 0: all requests. */
  row: number;
  answer: HeatmapAnswer | null;
  error?: string;
  onRetry?: () => void;
}

function isDark(): boolean {
  return getComputedStyle(document.documentElement).colorScheme === "dark";
}

/** Steps wide, buckets high; the slowest bucket on top. */
function picture(answer: HeatmapAnswer, steps: number): HTMLCanvasElement {
  const rows = answer.bounds_ms.length - 1;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, steps);
  canvas.height = Math.max(1, rows);
  const pen = canvas.getContext("2d")!;
  const image = pen.createImageData(canvas.width, canvas.height);
  const ramp = rampTable(isDark());
  for (const [x, y, n] of answer.cells) {
    if (x < 0 || x >= steps || y < 0 || y >= rows) continue;
    const at = 4 * ((rows - 1 - y) * canvas.width + x);
    const [r, g, b] = ramp[rampStep(n, answer.max)]!;
    image.data[at] = r;
    image.data[at + 1] = g;
    image.data[at + 2] = b;
    image.data[at + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

function stepsOf(answer: HeatmapAnswer): number {
  return answer.cells.reduce((most, [x]) => Math.max(most, x + 1), 0);
}

/** The buckets at round numbers of milliseconds: 1, 2, 5, 10 … */
function splitsOf(bounds: number[]): number[] {
  const [low, high] = [Math.log(bounds[0]!), Math.log(bounds.at(-1)!)];
  const out: number[] = [];
  const decades = (high - low) / Math.LN10;
  const factors = decades > 2.5 ? [1] : decades > 1.2 ? [1, 3] : decades > 0.5 ? [1, 2, 3, 5] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
  for (let power = Math.floor(low / Math.LN10); power <= Math.ceil(high / Math.LN10); power++)
    for (const factor of factors) {
      const at = (Math.log(factor) + power * Math.LN10 - low) / (high - low);
      if (at >= 0 && at <= 1) out.push(at * (bounds.length - 1));
    }
  return out;
}

function valueAt(bounds: number[], row: number): number {
  const [low, high] = [Math.log(bounds[0]!), Math.log(bounds.at(-1)!)];
  return Number(Math.exp(low + ((high - low) * row) / (bounds.length - 1)).toPrecision(2));
}

function Canvas(props: { answer: HeatmapAnswer; title: string; onCell: (text: string, cell: Cell | null) => void }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const { answer } = props;
  const steps = stepsOf(answer);
  const rows = answer.bounds_ms.length - 1;
  const made = useRef<{ of: unknown; image: HTMLCanvasElement } | null>(null);
  const theme = painted.value;
  /** Made when it is first drawn: charts out of sight need none. */
  function imageOf(): HTMLCanvasElement {
    const now = newest.current;
    if (made.current?.of !== now) made.current = { of: now, image: picture(now.answer, now.steps) };
    return made.current.image;
  }
  const newest = useRef({ answer, steps, theme });
  if (newest.current.answer !== answer || newest.current.theme !== theme) newest.current = { answer, steps, theme };
  const data = useMemo(() => (): PlotData => {
    const x = Array.from({ length: steps }, (_, i) => answer.from + i * answer.step);
    return [x, x.map(() => null)];
  }, [answer]);

  function draw(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const now = newest.current;
    const left = plot.valToPos(now.answer.from, "x", true);
    const right = plot.valToPos(now.answer.from + now.steps * now.answer.step, "x", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(imageOf(), left, bbox.top, right - left, bbox.height);
    ctx.restore();
  }
  function cursor(plot: uPlot): void {
    const { left = -1, top = -1 } = plot.cursor;
    if (left < 0 || top < 0) return props.onCell("", null);
    const now = newest.current.answer;
    const x = Math.floor((plot.posToVal(left, "x") - now.from) / now.step);
    const y = Math.floor(plot.posToVal(top, "y"));
    const n = now.cells.find(([column, row]) => column === x && row === y)?.[2] ?? 0;
    const bounds = now.bounds_ms;
    if (y < 0 || y >= bounds.length - 1) return props.onCell("", null);
    props.onCell(`${timeText(now.from + x * now.step)}, ${ms(bounds[y])} to ${msUnit(bounds[y + 1])}: ${count(n)}`,
      n === 0 ? null : { from: now.from + x * now.step, to: now.from + (x + 1) * now.step, low: bounds[y]!, high: bounds[y + 1]! });
  }
  const shared = overTime(() => undefined);
  usePlot(box, {
    isOverTime: true, data, deps: [rows, answer.bounds_ms[0], answer.bounds_ms.at(-1)],
    options: () => ({
      ...shared,
      hooks: { ...shared.hooks, drawClear: [...(shared.hooks.drawClear ?? []), draw], setCursor: [...(shared.hooks.setCursor ?? []), cursor] },
      padding: [8, 34, 0, 0], legend: { show: false },
      scales: { x: { time: true, range: xOfColumns }, y: { range: () => [0, rows] } },
      axes: [
        { ...timeAxis(), grid: { show: false } },
        { ...ownAxis((row) => roundMs(valueAt(newest.current.answer.bounds_ms, row))), splits: () => splitsOf(newest.current.answer.bounds_ms), grid: { show: false } },
      ],
      series: [{}, { label: "requests", points: { show: false } }],
    }),
  });
  return <div class="chart-box" ref={box} tabIndex={0} role="img" aria-label={summary(props.title, answer)} />;
}

function summary(title: string, answer: HeatmapAnswer): string {
  const byRow = new Map<number, number>();
  for (const [, y, n] of answer.cells) byRow.set(y, (byRow.get(y) ?? 0) + n);
  const most = [...byRow].sort((a, b) => b[1] - a[1])[0];
  return most === undefined ? `${title}: nothing` : `${title}: most requests take ${ms(answer.bounds_ms[most[0]])} to ${msUnit(answer.bounds_ms[most[0] + 1])}`;
}

function RampLegend({ max }: { max: number }): JSX.Element {
  painted.value; // the ramp runs the other way on dark ground
  const ramp = rampTable(isDark());
  const STOPS = 16;
  return (
    <span class="ramp">
      <span>1</span>
      <svg viewBox={`0 0 ${STOPS} 1`} preserveAspectRatio="none" aria-hidden="true">
        {Array.from({ length: STOPS }, (_, i) => {
          const [r, g, b] = ramp[Math.round((i * (RAMP_STEPS - 1)) / (STOPS - 1))]!;
          return <rect key={i} x={i} y={0} width={1.05} height={1} fill={`rgb(${r} ${g} ${b})`} />;
        })}
      </svg>
      <span>{count(max)} requests</span>
    </span>
  );
}

export function Heatmap(props: HeatmapProps): JSX.Element {
  const cell = useSignal("");
  const under = useRef<Cell | null>(null);
  const opened = useSignal<Cell | null>(null);
  const { answer } = props;
  const isEmpty = answer === null || answer.cells.length === 0;
  return (
    <ChartPanel id={props.id} title={props.title} unit="ms, log" error={props.error ?? ""} {...(props.onRetry ? { onRetry: props.onRetry } : {})}
      empty={isEmpty ? (answer === null ? "Loading…" : "No request was answered in this range.") : ""}
      legend={isEmpty ? null : <><RampLegend max={answer.max} /><span class="legend-note">{cell.value}</span></>}
      {...(isEmpty ? {} : { table: {
        head: ["time", "from ms", "to ms", "requests"],
        rows: () => answer.cells.map(([x, y, n]) => [answer.from + x * answer.step, answer.bounds_ms[y], answer.bounds_ms[y + 1], n]),
        text: (value, column) => (column === 0 ? timeText(Number(value)) : column === 3 ? count(Number(value)) : ms(Number(value))),
      } })}>
      {answer === null ? null : (
        <div class="heat" onClick={() => { if (under.current !== null) opened.value = under.current; }}>
          <Canvas answer={answer} title={props.title} onCell={(text, at) => { cell.value = text; under.current = at; }} />
        </div>
      )}
      {opened.value === null ? null : <CellSamples row={props.row} cell={opened.value} onClose={() => (opened.value = null)} />}
    </ChartPanel>
  );
}
