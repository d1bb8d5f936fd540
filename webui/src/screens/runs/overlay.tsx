/* Lines of several runs in one picture: each run has its colour and its dashes on all of them. */
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type uPlot from "uplot";
import type { Kind } from "../../chart/labels";
import type { Values } from "../../chart/legend";
import { nines, shareAxis } from "../../chart/nines";
import { ChartPanel } from "../../chart/panel";
import { axis, clockAxis, linear, ownAxis, usePlot, valueAxis, type PlotData } from "../../chart/plot";
import { KeySample } from "../../chart/time-chart";
import { clock, signedPercent } from "../../lib/format";
import { cssVar } from "../../lib/theme";

export const LOOKS: readonly { color: string; dash: number[] }[] = [
  { color: "--s1", dash: [] }, { color: "--s2", dash: [8, 3] }, { color: "--s4", dash: [2, 3] }, { color: "--s5", dash: [10, 3, 2, 3] }, { color: "--s3", dash: [5, 5] },
];

export interface OverlayLine {
  label: string;
  /** Which run it is of. */
  look: number;
  values: Values;
}

export interface OverlayProps {
  id: string;
  title: string;
  unit: string;
  /** Seconds since the start of the load, shares of the requests, or runs by their number. */
  x: readonly number[];
  along: "time" | "shares" | "runs";
  lines: readonly OverlayLine[];
  /** How well the first line is known. */
  band?: { label: string; low: Values; high: Values };
  kind: Kind;
  format: (value: number | null | undefined) => string;
  /** What stands on the axis below, of a run by its number. */
  xWords?: (x: number) => string;
  isBothWays?: boolean; // zero is in the middle of the values, not below them
  empty?: string;
}

const LEAST_SPREAD = 10;

/** Each side as far as it goes: nothing falls by more than 100 %, however much something else grows. */
const aroundZero: uPlot.Range.Function = (_, min, max) => {
  const most = Math.max(LEAST_SPREAD, Math.abs(min ?? 0), Math.abs(max ?? 0)) * 1.1;
  const side = (value: number): number => (value > 0 ? Math.max(LEAST_SPREAD, value * 1.1) : most / 8);
  return [-side(-(min ?? 0)), side(max ?? 0)];
};

/** Of a band: only what is between is drawn. */
const edge: uPlot.Series = { stroke: "transparent", points: { show: false } };
const isKnown = (band: OverlayProps["band"]): boolean => band !== undefined && [...band.low].some((value) => value !== null && value !== undefined);

const xText = ({ along, xWords }: OverlayProps, x: number): string => (xWords ? xWords(x) : along === "time" ? clock(x) : along === "shares" ? `${Number((100 * x).toFixed(3))} %` : String(x));

function xAxis(props: OverlayProps): uPlot.Axis {
  if (props.along === "time") return clockAxis();
  if (props.along === "runs") return axis({ space: 90, size: 28, incrs: [1, 2, 5, 10, 20, 50, 100], values: (_, ticks) => ticks.map((tick) => props.xWords?.(tick) ?? "") });
  return shareAxis();
}

function Canvas({ chart, sentence, onAt }: { chart: OverlayProps; sentence: string; onAt: (index: number | null) => void }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const data = useMemo(() => (): PlotData => [chart.x.map((x) => (chart.along === "shares" ? nines(x) : x)), ...chart.lines.map((line) => line.values), ...(chart.band ? [chart.band.low, chart.band.high] : [])], [chart.x, chart.lines, chart.band]);
  const newest = useRef(chart);
  newest.current = chart;
  const plot = usePlot(box, {
    data, deps: [chart.lines.map(({ label, look }) => `${label} ${look}`).join("\n"), chart.along],
    options: () => ({
      padding: [8, 22, 0, 0], legend: { show: false }, cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
      scales: { x: { time: false }, y: { range: chart.isBothWays ? aroundZero : linear } },
      axes: [xAxis(newest.current), chart.isBothWays ? ownAxis((value) => signedPercent(value, 0)) : valueAxis(chart.kind)],
      series: [{}, ...chart.lines.map(({ label, look }) => ({ label, stroke: cssVar(LOOKS[look]!.color), dash: LOOKS[look]!.dash, width: 1.75, spanGaps: true, points: { show: chart.along === "runs", size: 6 } })), ...(chart.band ? [edge, edge] : [])],
      ...(chart.band ? { bands: [{ series: [chart.lines.length + 2, chart.lines.length + 1] as [number, number], fill: cssVar(`${LOOKS[0]!.color}-fill`) }] } : {}),
      hooks: { setCursor: [(made) => onAt(made.cursor.idx ?? null)] },
    }),
  });
  const index = useRef(-1);
  function move(event: KeyboardEvent): void {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined || plot.current === null) return;
    event.preventDefault();
    index.current = Math.min(chart.x.length - 1, Math.max(0, index.current + by));
    plot.current.setCursor({ left: plot.current.valToPos(plot.current.data[0][index.current]!, "x"), top: 10 });
  }
  return <div class="chart-box" ref={box} tabIndex={0} role="img" aria-label={sentence} onKeyDown={move} />;
}

export function Overlay(props: OverlayProps): JSX.Element {
  const cursor = useSignal<number | null>(null);
  const at = cursor.value;
  const most = (values: Values): number | null => values.reduce<number | null>((high, value) => (value === null || value === undefined || (high !== null && high >= value) ? high : value), null);
  const isEmpty = props.x.length === 0;
  return (
    <ChartPanel id={props.id} title={props.title} unit={props.unit} empty={isEmpty ? props.empty ?? "Nothing was measured." : ""}
      legend={isEmpty ? null : (
        <>
          {props.lines.map(({ label, look, values }) => (
            <span class="legend-static" key={look}><KeySample color={LOOKS[look]!.color} dash={LOOKS[look]!.dash} /><span>{label}</span><span class="legend-value">{at === null ? "" : props.format(values[at])}</span></span>
          ))}
          {!isKnown(props.band) ? null : <span class="legend-static"><KeySample color={`${LOOKS[0]!.color}-fill`} dash={[]} /><span>{props.band!.label}</span><span class="legend-value">{at === null ? "" : `${props.format(props.band!.low[at])} – ${props.format(props.band!.high[at])}`}</span></span>}
          <span class="legend-note" aria-live="polite">{at === null ? "" : xText(props, props.x[at] ?? 0)}</span>
        </>
      )}
      table={{
        head: [props.along === "time" ? "time" : props.along === "shares" ? "percentile" : "run", ...props.lines.map(({ label }) => label), ...(isKnown(props.band) ? ["from (95 %)", "to (95 %)"] : [])],
        rows: () => props.x.map((x, i) => [x, ...props.lines.map(({ values }) => values[i]), ...(isKnown(props.band) ? [props.band!.low[i], props.band!.high[i]] : [])]),
        text: (value, column) => (column === 0 ? xText(props, Number(value)) : props.format(value as number | null)),
      }}>
      <Canvas chart={props} sentence={`${props.title}: ${props.lines.map(({ label, values }) => `${label} at most ${props.format(most(values))}`).join(", ")}`} onAt={(index) => (cursor.value = index)} />
    </ChartPanel>
  );
}
