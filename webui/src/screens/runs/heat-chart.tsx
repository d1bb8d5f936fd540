/* The difference of two heatmaps: filled cells where the one run has more of its requests, hatched ones where the other has. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { ChartPanel } from "../../chart/panel";
import { clockAxis, ownAxis, usePlot, type PlotData } from "../../chart/plot";
import { clock, msUnit } from "../../lib/format";
import { cssVar } from "../../lib/theme";
import { COLUMNS, FULL, ROWS, type HeatDifference } from "./heat";

const FAINTEST = 0.12;
const HATCH_PX = 4;

/** Strokes over the cell: it is told apart without its colour. */
function hatch(pen: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  pen.beginPath();
  for (let at = HATCH_PX * devicePixelRatio; at < width + height; at += HATCH_PX * devicePixelRatio) {
    pen.moveTo(x + Math.min(at, width), y + Math.max(0, at - width));
    pen.lineTo(x + Math.max(0, at - height), y + Math.min(at, height));
  }
  pen.stroke();
}

function paint(plot: uPlot, { cells, most }: HeatDifference): void {
  const { ctx, bbox } = plot;
  const [width, height] = [bbox.width / COLUMNS, bbox.height / ROWS];
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  for (const [key, value] of cells) {
    const [x, y] = [bbox.left + Math.floor(key / ROWS) * width, bbox.top + (ROWS - 1 - (key % ROWS)) * height];
    ctx.globalAlpha = FAINTEST + (1 - FAINTEST) * Math.sqrt(Math.abs(value) / Math.max(FULL, most));
    ctx.fillStyle = ctx.strokeStyle = cssVar(value > 0 ? "--s2" : "--s1");
    if (value > 0) ctx.fillRect(x, y, width, height);
    else hatch(ctx, x, y, width, height);
  }
  ctx.restore();
}

function cellWords(of: HeatDifference, column: number, row: number, [one, other]: readonly [string, string]): string {
  const value = of.cells.get(column * ROWS + row) ?? 0;
  const where = `${clock(column * of.step)}, ${msUnit(of.bounds[row])} to ${msUnit(of.bounds[row + 1])}`;
  return value === 0 ? `${where}: no difference` : `${where}: ${value > 0 ? other : one} has ${(100 * Math.abs(value)).toPrecision(2)} % of its requests more here`;
}

function Canvas({ of, names, sentence, onAt }: { of: HeatDifference; names: readonly [string, string]; sentence: string; onAt: (words: string) => void }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const data = useMemo(() => (): PlotData => [[0, COLUMNS * of.step], [null, null]], [of]);
  const newest = useRef(of);
  newest.current = of;
  usePlot(box, {
    data, deps: [of.step, of.bounds[0], of.bounds.at(-1)],
    options: () => ({
      padding: [8, 22, 0, 0], legend: { show: false }, cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: false, range: () => [0, COLUMNS * newest.current.step] }, y: { range: () => [0, ROWS] } },
      axes: [clockAxis({ grid: { show: false } }),
        { ...ownAxis((row) => msUnit(Number((newest.current.bounds[Math.round(row)] ?? 0).toPrecision(2)))), splits: () => [0, ROWS / 4, ROWS / 2, (3 * ROWS) / 4, ROWS], grid: { show: false } }],
      series: [{}, { label: "difference", points: { show: false } }],
      hooks: {
        drawClear: [(plot) => paint(plot, newest.current)],
        setCursor: [(plot) => {
          const { left = -1, top = -1 } = plot.cursor;
          onAt(left < 0 || top < 0 ? "" : cellWords(newest.current, Math.floor(plot.posToVal(left, "x") / newest.current.step), Math.floor(plot.posToVal(top, "y")), names));
        }],
      },
    }),
  });
  return <div class="chart-box" ref={box} tabIndex={0} role="img" aria-label={sentence} />;
}

export function HeatDifferenceChart({ of, names }: { of: HeatDifference | null; names: readonly [string, string] }): JSX.Element {
  const at = useSignal("");
  const [one, other] = names;
  const sorted = (): [number, number][] => [...(of?.cells ?? [])].sort((a, b) => Math.abs(a[1]) - Math.abs(b[1]));
  return (
    <ChartPanel id="compare-heat" title={`Heatmap: ${other} less ${one}`} unit="share of the requests" isWide empty={of === null ? "No request was answered." : ""}
      legend={of === null ? null : <span class="legend-note" aria-live="polite">{at.value || `filled: more of ${other}; hatched: more of ${one}`}</span>}
      {...(of === null ? {} : { table: {
        head: ["time", "from ms", "to ms", `${other} less ${one}`], rows: () => sorted().map(([key, value]) => [Math.floor(key / ROWS) * of.step, of.bounds[key % ROWS]!, of.bounds[(key % ROWS) + 1]!, value]),
        text: (value, column) => (column === 0 ? clock(Number(value)) : column === 3 ? `${(100 * Number(value)).toFixed(3)} %` : msUnit(Number(value))),
      } })}>
      {of === null ? null : <Canvas of={of} names={names} sentence={`Heatmap of the difference of ${one} and ${other}, by time and response time`} onAt={(words) => (at.value = words)} />}
    </ChartPanel>
  );
}
