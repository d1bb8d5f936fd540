/* Lines over the range of the page: values in the legend at the common cursor, click to see one
 * line alone (with Ctrl, Shift or ⌘ to switch it), brush to select a range, arrow keys to read. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { IS_REPORT } from "../lib/build";
import { store } from "../app-state";
import { cssVar } from "../lib/theme";
import { NO_VIEW, type SeriesView } from "../live/series";
import { events } from "../range/data";
import { isFixed } from "../range/state";
import { timeText } from "../range/time";
import { topWith, type Limit } from "../verdict/limits";
import { canMove } from "../verdict/move";
import { thresholds } from "../verdict/state";
import type { Kind } from "./labels";
import { mayChange } from "../live/who";
import { LimitGrips } from "./limit-grips";
import { drawLimits, limitsKey } from "./limits";
import { eventsAt, indexOf, pinned, Tip, togglePin } from "./tip";
import { afterPick, stacked, type Values } from "./legend";
import { ChartPanel } from "./panel";
import { crosshair, linear, logarithmic, logAxis, overTime, timeAxis, usePlot, valueAxis, xOfSpan, type PlotData } from "./plot";

export interface Line {
  label: string;
  color: string; // name of a CSS variable
  value: (view: SeriesView) => Values;
  dash?: number[];
  width?: number;
  fill?: string;
  /** On the right axis. */
  isRight?: boolean;
  /** Fills down to the line with this label. */
  bandTo?: string;
  bandFill?: string;
}

export interface TimeChartProps {
  id: string;
  title: string;
  unit?: string;
  lines: Line[];
  view: SeriesView;
  format: (value: number | null | undefined) => string;
  /** What the axis counts. */
  kind?: Kind;
  rightKind?: Kind;
  rightFormat?: (value: number | null | undefined) => string;
  /** Of thresholds on what is drawn. */
  limits?: readonly Limit[];
  isLog?: boolean;
  isStacked?: boolean;
  isWide?: boolean;
  isBusy?: boolean;
  tools?: ComponentChildren;
  note?: ComponentChildren;
  empty?: string;
  error?: string;
  onRetry?: () => void;
}

const NO_LIMITS: readonly Limit[] = [];
const WIDTH_PX = 1.75;
const THIN_PX = 1;
const DENSE_POINTS_PER_PX = 0.75;

export function KeySample({ color, dash }: { color: string; dash?: number[] | undefined }): JSX.Element {
  return (
    <svg class="key-sample" viewBox="0 0 20 8" aria-hidden="true">
      <path d="M0 4H20" class={`stroke${color}`} stroke-dasharray={dash?.map((n) => n / 1.5).join(" ")} />
    </svg>
  );
}

function dataOf(props: TimeChartProps, shown: Line[]): PlotData {
  const values = shown.map((line) => line.value(props.view));
  const drawn = props.isStacked ? stacked(values).reverse() : values;
  if (props.isLog) for (let i = 0; i < drawn.length; i++) drawn[i] = drawn[i]!.map((value) => (value !== null && value > 0 ? value : null));
  return [props.view.x, ...drawn];
}

/** Of a stack the highest comes first: a line that adds nothing is then below those that it lies upon. */
function drawnOrder(props: TimeChartProps, shown: Line[]): Line[] {
  return props.isStacked ? [...shown].reverse() : shown;
}

/** Lines of about a point per pixel are drawn thin: they stay apart, and cost half as much. */
function thinDense(lines: Line[]): (plot: uPlot) => void {
  return (plot) => {
    const isDense = plot.data[0].length > DENSE_POINTS_PER_PX * plot.width;
    lines.forEach((line, i) => (plot.series[i + 1]!.width = isDense ? THIN_PX : widthOf(line)));
  };
}

const widthOf = (line: Line): number => line.width ?? WIDTH_PX;

function seriesOf(line: Line, isStacked: boolean, isLowest: boolean): uPlot.Series {
  const fill = line.fill ?? (isStacked && isLowest ? `${line.color}-fill` : undefined);
  return {
    label: line.label, stroke: cssVar(line.color), width: widthOf(line), scale: line.isRight ? "right" : "y",
    ...(line.dash && !isStacked ? { dash: line.dash } : {}), ...(fill ? { fill: cssVar(fill) } : {}), points: { show: false }, spanGaps: false,
  };
}

function bandsOf(props: TimeChartProps, shown: Line[]): uPlot.Band[] {
  if (props.isStacked) return drawnOrder(props, shown).slice(0, -1).map((line, i) => ({ series: [i + 1, i + 2], fill: cssVar(`${line.color}-fill`) }));
  return shown.flatMap((line, i) => {
    const below = shown.findIndex((other) => other.label === line.bandTo);
    return below < 0 ? [] : [{ series: [i + 1, below + 1] as [number, number], fill: cssVar(line.bandFill ?? line.color) }];
  });
}

const wholePercent: uPlot.Range.Function = (plot, min, max, key) => (max <= 100 ? [0, 100] : linear(plot, min, max, key));

function optionsOf(props: TimeChartProps, shown: Line[], onCursor: (index: number | null) => void, onDraw: () => void): Omit<uPlot.Options, "width" | "height"> {
  const hasRight = shown.some((line) => line.isRight);
  const limits = props.limits ?? NO_LIMITS;
  const range = props.isLog ? logarithmic : props.kind === "percent" ? wholePercent : linear;
  const withLimits: uPlot.Range.Function = (plot, min, max, key) => range(plot, min, topWith(max ?? 0, limits), key);
  const shared = overTime(onCursor);
  const order = drawnOrder(props, shown);
  return {
    ...shared,
    hooks: { ...shared.hooks, draw: [...shared.hooks.draw!, drawLimits(limits), onDraw], setData: [thinDense(order)] },
    padding: [8, hasRight ? 0 : 34, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: true, range: xOfSpan },
      y: props.isLog ? { distr: 3, log: 10, range: withLimits } : { range: withLimits },
      ...(hasRight ? { right: { range: linear } } : {}),
    },
    axes: [
      timeAxis(),
      props.isLog ? logAxis((value) => props.format(value)) : valueAxis(props.kind ?? "rate"),
      ...(hasRight ? [valueAxis(props.rightKind ?? "count", { scale: "right", side: 1, grid: { show: false }, size: 44 })] : []),
    ],
    series: [{}, ...order.map((line, i) => seriesOf(line, props.isStacked ?? false, i === shown.length - 1))],
    bands: bandsOf(props, shown),
  };
}

interface LegendProps {
  lines: Line[];
  hidden: readonly string[];
  value: (line: Line) => string;
  onPick: (label: string, isToggle: boolean) => void;
}

function Legend(props: LegendProps): JSX.Element {
  return (
    <>
      {props.lines.map((line) => {
        const isShown = !props.hidden.includes(line.label);
        return (
          <button type="button" key={line.label} class="legend-entry" aria-pressed={isShown} title={`Only ${line.label}; with Ctrl or Shift: switch it`}
            onClick={(event) => props.onPick(line.label, event.ctrlKey || event.metaKey || event.shiftKey)}>
            <KeySample color={line.color} dash={line.dash} />
            <span>{line.label}</span>
            <span class="legend-value">{props.value(line)}</span>
          </button>
        );
      })}
    </>
  );
}

interface CanvasProps {
  chart: TimeChartProps;
  shown: Line[];
  data: () => PlotData;
  sentence: string;
  onCursor: (index: number | null) => void;
  onRead: (index: number) => void;
  onHover: (isIn: boolean) => void;
}

/** Limits of the running test that somebody may move. */
function movableOf({ limits }: TimeChartProps): readonly Limit[] {
  if (IS_REPORT || limits === undefined || limits.length === 0 || !store.isRunning.value || store.isHeld.value) return NO_LIMITS;
  return limits.filter(({ of }) => canMove(of, thresholds.value));
}

function Canvas(props: CanvasProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const { chart, shown } = props;
  const drawn = useSignal(0);
  const movable = movableOf(chart);
  const plot = usePlot(box, {
    options: () => optionsOf(chart, shown, props.onCursor, () => (drawn.value = drawn.peek() + 1)), data: props.data, isOverTime: true,
    deps: [shown.map((line) => line.label).join("\n"), chart.isLog, chart.isStacked, limitsKey(chart.limits ?? NO_LIMITS)],
  });
  const index = useRef<number | null>(null);
  function move(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (plot.current === null || step === undefined) return;
    event.preventDefault();
    const last = chart.view.x.length - 1;
    const next = Math.min(last, Math.max(0, (index.current ?? last + 1) + step));
    index.current = next;
    plot.current.setCursor({ left: plot.current.valToPos(chart.view.x[next]!, "x"), top: 10 });
    props.onRead(next);
  }
  function leave(): void {
    index.current = null;
    plot.current?.setCursor({ left: -10, top: -10 });
  }
  const pressed = useRef(0);
  function pin(event: MouseEvent): void {
    const made = plot.current;
    if (made === null || Math.abs(event.clientX - pressed.current) > CLICK_PX || (made.cursor.idx ?? null) === null) return;
    togglePin(chart.view.x[made.cursor.idx!] ?? 0, chart.id);
  }
  return (
    <>
      <div class="chart-box" ref={box} tabIndex={0} role="img" aria-label={props.sentence} onKeyDown={move} onBlur={leave}
        onPointerEnter={() => props.onHover(true)} onPointerLeave={() => props.onHover(false)} onPointerDown={(event) => (pressed.current = event.clientX)} onClick={pin} />
      {IS_REPORT || movable.length === 0 || !mayChange.value ? null : <LimitGrips limits={movable} plot={plot} box={box} drawn={drawn} isLog={chart.isLog ?? false} hasRight={shown.some((line) => line.isRight)} />}
    </>
  );
}

const limitWords = (limits: readonly Limit[]): string => limits.map(({ label, isBroken }) => `; limit ${label}${isBroken ? ", broken" : ""}`).join("");

const CLICK_PX = 4;
const READ_MS = 250;

export function TimeChart(props: TimeChartProps): JSX.Element {
  const cursor = useSignal<number | null>(null);
  const hidden = useSignal<readonly string[]>([]);
  const spoken = useSignal("");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const shown = props.lines.filter((line) => !hidden.value.includes(line.label));
  const data = useMemo(() => () => dataOf(props, shown), [props.view, shown.map((line) => line.label).join("\n"), props.isLog]);
  const isHovered = useSignal(false);
  const pin = pinned.value;
  const pinIndex = pin === null ? null : indexOf(props.view.x, props.view.step, pin.second);
  const at = (crosshair.value === "values" ? cursor.value : null) ?? pinIndex;
  const tipIndex = isHovered.value && cursor.value !== null ? cursor.value : pin?.chart === props.id ? pinIndex : null;
  const values = (line: Line): Values => line.value(props.view);
  const format = (line: Line, value: number | null | undefined): string => (line.isRight && props.rightFormat ? props.rightFormat(value) : props.format(value));
  const textAt = (line: Line, index: number | null): string => format(line, index === null ? lastOf(values(line)) : values(line)[index]);
  const isEdge = !IS_REPORT && store.isRunning.value && !isFixed.value; // the newest second is what is now
  const inLegend = (line: Line): string => (at === null && !isEdge ? "" : textAt(line, at));
  const summary = (line: Line): string => (isEdge ? textAt(line, null) : `at most ${format(line, highest(values(line)))}`);
  const reading = (index: number): string => props.lines.map((line) => `${line.label} ${textAt(line, index)}`).join(", ");
  function read(index: number): void {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => (spoken.value = `${timeText(props.view.x[index] ?? 0)}: ${reading(index)}`), READ_MS);
  }
  const empty = props.empty ?? (props.view === NO_VIEW || props.view.x.length === 0 ? (IS_REPORT ? "No second of this range is in the report." : "No second has been measured in this range.") : "");
  return (
    <ChartPanel id={props.id} title={props.title} {...(props.unit ? { unit: props.unit } : {})} isWide={props.isWide ?? false} isBusy={props.isBusy ?? false}
      tools={props.tools} empty={empty} error={props.error ?? ""} {...(props.onRetry ? { onRetry: props.onRetry } : {})}
      legend={<Legend lines={props.lines} hidden={hidden.value} value={inLegend}
        onPick={(label, isToggle) => (hidden.value = afterPick(props.lines.map((line) => line.label), hidden.value, label, isToggle))} />}
      table={{
        head: ["time", ...props.lines.map((line) => line.label)],
        rows: () => props.view.x.map((second, i) => [second, ...props.lines.map((line) => values(line)[i])]),
        text: (value, column) => (column === 0 ? timeText(Number(value)) : format(props.lines[column - 1]!, value as number | null)),
      }}
      note={<>{props.note}<p class="visually-hidden" aria-live="polite">{spoken.value}</p></>}>
      <Canvas chart={props} shown={shown} data={data} sentence={`${props.title}: ${props.lines.map((line) => `${line.label} ${summary(line)}`).join(", ")}${limitWords(props.limits ?? NO_LIMITS)}`} onCursor={(index) => (cursor.value = index)} onRead={read} onHover={(isIn) => (isHovered.value = isIn)} />
      {tipIndex === null || crosshair.value === "off" ? null : (
        <Tip second={props.view.x[tipIndex] ?? 0} part={tipIndex / Math.max(1, props.view.x.length - 1)} isPinned={tipIndex === pinIndex}
          rows={shown.map((line) => ({ label: line.label, value: values(line)[tipIndex] ?? null, text: textAt(line, tipIndex) }))}
          events={eventsAt(events.value, props.view.x[tipIndex] ?? 0, props.view.step)} />
      )}
    </ChartPanel>
  );
}

function highest(values: Values): number | null {
  return values.reduce<number | null>((most, value) => (value === null || value === undefined || (most !== null && most >= value) ? most : value), null);
}

function lastOf(values: Values): number | null {
  for (let i = values.length - 1; i >= 0 && i > values.length - 4; i--) if (values[i] !== null && values[i] !== undefined) return values[i]!;
  return null;
}

export const pick = (column: number) => (view: SeriesView): Values => view.column(column);
