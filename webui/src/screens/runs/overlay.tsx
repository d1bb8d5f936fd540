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

/** How well the line of that run is known. */
export interface OverlayBand {
  look: number;
  low: Values;
  high: Values;
}

export interface OverlayProps {
  id: string;
  title: string;
  unit: string;
  /** Seconds since the start of the load, shares of the requests, or runs by their number. */
  x: readonly number[];
  along: "time" | "shares" | "runs";
  lines: readonly OverlayLine[];
  bands?: readonly OverlayBand[];
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

const isKnown = ({ low }: OverlayBand): boolean => [...low].some((value) => value !== null && value !== undefined);
const bandsOf = ({ bands }: OverlayProps): readonly OverlayBand[] => bands?.filter(isKnown) ?? [];

/** A colour of the page, which are six hexadecimal digits, seen through. */
const faint = (look: number, alpha: string): string => cssVar(LOOKS[look]!.color) + alpha;

/** Of a band, with the dashes of its line: whose it is, is not told by colour alone. */
const edge = ({ look }: OverlayBand): uPlot.Series => ({ stroke: faint(look, "80"), dash: LOOKS[look]!.dash, width: 0.75, points: { show: false } });

/** "412 ms [398 ms – 431 ms]" */
function known({ format }: OverlayProps, line: OverlayLine, band: OverlayBand | undefined, at: number): string {
  const [low, high] = [band?.low[at], band?.high[at]];
  return format(line.values[at]) + (low === null || low === undefined || high === null || high === undefined ? "" : ` [${format(low)} – ${format(high)}]`);
}

const xText = ({ along, xWords }: OverlayProps, x: number): string => (xWords ? xWords(x) : along === "time" ? clock(x) : along === "shares" ? `${Number((100 * x).toFixed(3))} %` : String(x));

function xAxis(props: OverlayProps): uPlot.Axis {
  if (props.along === "time") return clockAxis();
  if (props.along === "runs") return axis({ space: 90, size: 28, incrs: [1, 2, 5, 10, 20, 50, 100], values: (_, ticks) => ticks.map((tick) => props.xWords?.(tick) ?? "") });
  return shareAxis();
}

function Canvas({ chart, sentence, onAt }: { chart: OverlayProps; sentence: string; onAt: (index: number | null) => void }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const data = useMemo(() => (): PlotData => [chart.x.map((x) => (chart.along === "shares" ? nines(x) : x)), ...chart.lines.map((line) => line.values), ...bandsOf(chart).flatMap(({ low, high }) => [low, high])], [chart.x, chart.lines, chart.bands]);
  const newest = useRef(chart);
  newest.current = chart;
  const plot = usePlot(box, {
    data, deps: [chart.lines.map(({ label, look }) => `${label} ${look}`).join("\n"), bandsOf(chart).map(({ look }) => look).join(), chart.along],
    options: () => ({
      padding: [8, 22, 0, 0], legend: { show: false }, cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
      scales: { x: { time: false }, y: { range: chart.isBothWays ? aroundZero : linear } },
      axes: [xAxis(newest.current), chart.isBothWays ? ownAxis((value) => signedPercent(value, 0)) : valueAxis(chart.kind)],
      series: [{}, ...chart.lines.map(({ label, look }) => ({ label, stroke: cssVar(LOOKS[look]!.color), dash: LOOKS[look]!.dash, width: 1.75, spanGaps: true, points: { show: chart.along === "runs", size: 6 } })), ...bandsOf(chart).flatMap((band) => [edge(band), edge(band)])],
      bands: bandsOf(chart).map(({ look }, i): uPlot.Band => ({ series: [chart.lines.length + 2 * i + 2, chart.lines.length + 2 * i + 1], fill: faint(look, "2e") })),
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
  const bands = bandsOf(props);
  const bandOf = (look: number): OverlayBand | undefined => bands.find((band) => band.look === look);
  const whose = (band: OverlayBand): string => (bands.length > 1 ? `${props.lines.find(({ look }) => look === band.look)?.label ?? ""} ` : "");
  return (
    <ChartPanel id={props.id} title={props.title} unit={props.unit} empty={isEmpty ? props.empty ?? "Nothing was measured." : ""}
      legend={isEmpty ? null : (
        <>
          {props.lines.map((line) => (
            <span class="legend-static" key={line.look}><KeySample color={LOOKS[line.look]!.color} dash={LOOKS[line.look]!.dash} /><span>{line.label}</span><span class="legend-value">{at === null ? "" : known(props, line, bandOf(line.look), at)}</span></span>
          ))}
          {bands.length === 0 ? null : <span class="legend-note">{bands.length > 1 ? "bands" : "band"}: 95 % intervals</span>}
          <span class="legend-note" aria-live="polite">{at === null ? "" : xText(props, props.x[at] ?? 0)}</span>
        </>
      )}
      table={{
        head: [props.along === "time" ? "time" : props.along === "shares" ? "percentile" : "run", ...props.lines.map(({ label }) => label), ...bands.flatMap((band) => [`${whose(band)}from (95 %)`, `${whose(band)}to (95 %)`])],
        rows: () => props.x.map((x, i) => [x, ...props.lines.map(({ values }) => values[i]), ...bands.flatMap(({ low, high }) => [low[i], high[i]])]),
        text: (value, column) => (column === 0 ? xText(props, Number(value)) : props.format(value as number | null)),
      }}>
      <Canvas chart={props} sentence={`${props.title}: ${props.lines.map(({ label, values }) => `${label} at most ${props.format(most(values))}`).join(", ")}`} onAt={(index) => (cursor.value = index)} />
    </ChartPanel>
  );
}
