/* What all our uPlot charts have in common: life and size of the canvas, colours of the theme,
 * axes, one cursor for all charts over time, the brush that selects a range, marks of events and
 * of times when the measurement was not valid. A chart outside of the window is not drawn. */
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import uPlot from "uplot";
import { IS_REPORT } from "../lib/build";
import { openDialog } from "../app-state";
import { clock } from "../lib/format";
import { cssVar, painted } from "../lib/theme";
import { together } from "../live/health";
import { drawn, events } from "../range/data";
import { cursorAt, goLive, setFixed, zoom } from "../range/state";
import { timeText } from "../range/time";
import { invalid } from "../verdict/state";
import { labelsOf, stepsOf, type Kind } from "./labels";
import type { Values } from "./legend";
import { pinned } from "./tip";

export type PlotData = [number[], ...Values[]];

const SYNC_KEY = "run";
const MARK_KINDS = ["marker", "users", "stage", "scenario", "start", "stop", "reset", "threshold"];
const BRUSH_MIN_PX = 6;

/** How much of the crosshair there is: on all charts with values, only the line, none. */
export type Crosshair = "values" | "line" | "off";
const CROSSHAIRS: Crosshair[] = ["values", "line", "off"];
export const crosshair = signal<Crosshair>("values");
export function nextCrosshair(): void {
  crosshair.value = CROSSHAIRS[(CROSSHAIRS.indexOf(crosshair.value) + 1) % CROSSHAIRS.length]!;
  document.documentElement.dataset["crosshair"] = crosshair.value;
}

/** Where the next marker goes; null: now. */
export const markerAt = signal<number | null>(null);

export function font(weight = 400): string {
  return `${weight} 12px ${cssVar("--font")}`;
}

export function niceTop(max: number | null): number {
  if (max === null || !(max > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(max));
  for (const factor of [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) if (factor * power >= max * 1.05) return factor * power;
  return 10 * power;
}

export const linear: uPlot.Range.Function = (_, min, max) => [min < 0 ? -niceTop(-min) : 0, niceTop(max)];

/** Whole powers of ten around the values. */
export const logarithmic: uPlot.Range.Function = (_, min, max) => {
  if (!(max > 0)) return [1, 10];
  const low = 10 ** Math.floor(Math.log10(Math.max(min > 0 ? min : max / 10, max / 1e5)) + 1e-9);
  const high = 10 ** Math.ceil(Math.log10(max) - 1e-9);
  return [low, high > low ? high : low * 10];
};

export function axis(change: uPlot.Axis): uPlot.Axis {
  return {
    stroke: cssVar("--muted"), font: font(), grid: { stroke: cssVar("--grid"), width: 1 }, ticks: { show: false },
    ...change,
  };
}

const TIME_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400]; // less than a second would repeat a label

export const timeAxis = (): uPlot.Axis => axis({ space: 74, size: 28, gap: 8, incrs: TIME_STEPS_S, values: (_, ticks) => ticks.map(timeText) });

/** Seconds since the start of something. */
export const clockAxis = (change: uPlot.Axis = {}): uPlot.Axis => axis({ space: 74, size: 28, incrs: TIME_STEPS_S, values: (_, ticks) => ticks.map(clock), ...change });

const VALUE_AXIS: uPlot.Axis = { space: 34, size: 60, gap: 6 }; // as wide for all: one moment is at one place in every chart

export function valueAxis(kind: Kind, change: uPlot.Axis = {}): uPlot.Axis {
  const incrs = stepsOf(kind);
  return axis({ ...VALUE_AXIS, values: (_, ticks) => labelsOf(ticks, kind), ...(incrs ? { incrs } : {}), ...change });
}

/** Of an axis whose ticks are not in equal steps: each label by itself. */
export const ownAxis = (format: (value: number) => string, change: uPlot.Axis = {}): uPlot.Axis =>
  axis({ ...VALUE_AXIS, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : format(tick))), ...change });

/** Only the powers of ten of a logarithmic axis are written. */
export const logAxis = (format: (value: number) => string): uPlot.Axis =>
  ownAxis(format, {
    filter: (_, splits) => splits.map((split) => (Math.abs(Math.log10(split) - Math.round(Math.log10(split))) < 1e-6 ? split : null)),
  });

/* -- charts over time -- */

function select(plot: uPlot): void {
  const { left, width } = plot.select;
  if (width < BRUSH_MIN_PX) return;
  const from = plot.posToVal(left, "x");
  const to = plot.posToVal(left + width, "x");
  plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  setFixed({ from, to });
}

function shade(plot: uPlot): void {
  const list = together(invalid.value);
  if (list.length === 0) return;
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.fillStyle = cssVar("--shade");
  for (const [from, to] of list) {
    const left = plot.valToPos(from, "x", true);
    const right = plot.valToPos(to, "x", true);
    if (right < bbox.left || left > bbox.left + bbox.width) continue;
    ctx.fillRect(left, bbox.top, Math.max(2, right - left), bbox.height);
  }
  ctx.restore();
}

function drawPin(plot: uPlot): void {
  const pin = pinned.peek();
  if (pin === null) return;
  const { ctx, bbox } = plot;
  const x = Math.round(plot.valToPos(pin.second, "x", true));
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.fillStyle = cssVar("--accent");
  ctx.fillRect(x, bbox.top, Math.max(1, devicePixelRatio), bbox.height);
}

function mark(plot: uPlot): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = scale;
  ctx.setLineDash([3 * scale, 3 * scale]);
  for (const event of events.value) {
    if (!MARK_KINDS.includes(event.kind)) continue;
    const x = Math.round(plot.valToPos(event.at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const color = cssVar(event.kind === "marker" ? "--accent" : event.kind === "threshold" ? "--fail" : "--line-strong");
    ctx.strokeStyle = ctx.fillStyle = color;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x - 4 * scale, bbox.top + bbox.height + 5 * scale);
    ctx.lineTo(x + 4 * scale, bbox.top + bbox.height + 5 * scale);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.fill();
  }
  ctx.restore();
}

/** Options of a chart over time; the x axis is the range of the page. */
export function overTime(onCursor: (index: number | null) => void): Partial<uPlot.Options> & { cursor: uPlot.Cursor; hooks: uPlot.Hooks.Arrays } {
  return {
    cursor: {
      sync: { key: SYNC_KEY, setSeries: false },
      drag: { x: true, y: false, setScale: false, dist: BRUSH_MIN_PX },
      points: { size: 7 },
      y: false,
      bind: {
        dblclick: () => () => {
          goLive();
          return null;
        },
      },
    },
    hooks: {
      drawClear: [shade],
      draw: [mark, drawPin],
      setSelect: [select],
      setCursor: [
        (plot) => {
          const index = plot.cursor.idx ?? null;
          onCursor(index);
          cursorAt.value = index === null ? null : (plot.data[0][index] ?? null);
        },
      ],
    },
  };
}

/** Lines have a point at the beginning of each second. */
export const xOfSpan: uPlot.Range.Function = () => {
  const { from, to } = drawn.peek();
  return [from, Math.max(from + 1, to - 1)];
};

/** Columns are as wide as their second: the last one ends where the range does. */
export const xOfColumns: uPlot.Range.Function = () => {
  const { from, to } = drawn.peek();
  return [from, Math.max(from + 1, to)];
};

/* -- life -- */

export interface PlotInput {
  /** Everything but width and height. Called again when the theme or `deps` change. */
  options: () => Omit<uPlot.Options, "width" | "height">;
  /** Made only when it is drawn; a new function means new data. */
  data: () => PlotData;
  /** The canvas is made again when one of these changes; new data alone is only drawn. */
  deps: unknown[];
  /** Wheel and right click mean time. */
  isOverTime?: boolean;
}

function listen(box: HTMLElement, plot: uPlot): () => void {
  const wheel = (event: WheelEvent): void => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 0.5 : 2);
  };
  const menu = (event: MouseEvent): void => {
    if (IS_REPORT) return;
    event.preventDefault();
    markerAt.value = plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x");
    openDialog.value = "marker";
  };
  box.addEventListener("wheel", wheel, { passive: false });
  plot.over.addEventListener("contextmenu", menu);
  return () => box.removeEventListener("wheel", wheel);
}

/** A canvas in `box` for as long as the component lives. */
export function usePlot(box: RefObject<HTMLDivElement | null>, input: PlotInput): { current: uPlot | null } {
  const plot = useRef<uPlot | null>(null);
  const newest = useRef(input);
  newest.current = input;
  const isSeen = useRef(true);
  const isDue = useRef(false);
  const shownData = useRef<unknown>(null);

  useEffect(() => {
    const target = box.current;
    if (target === null) return;
    const made = new uPlot(
      { ...newest.current.options(), width: Math.max(40, target.clientWidth), height: Math.max(40, target.clientHeight) },
      newest.current.data() as uPlot.AlignedData,
      target,
    );
    plot.current = made;
    shownData.current = newest.current.data;
    isDue.current = false;
    const stop = newest.current.isOverTime ? listen(target, made) : () => undefined;
    const size = new ResizeObserver(() => {
      if (target.clientWidth !== made.width || target.clientHeight !== made.height)
        made.setSize({ width: Math.max(40, target.clientWidth), height: Math.max(40, target.clientHeight) });
    });
    size.observe(target);
    const sight = new IntersectionObserver(([entry]) => {
      isSeen.current = entry!.isIntersecting;
      if (isSeen.current && isDue.current) draw();
    });
    sight.observe(target);
    return () => {
      stop();
      size.disconnect();
      sight.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [painted.value, ...input.deps]);

  function draw(): void {
    isDue.current = false;
    shownData.current = newest.current.data;
    plot.current?.setData(newest.current.data() as uPlot.AlignedData);
  }

  useEffect(() => {
    if (plot.current === null || shownData.current === input.data) return;
    if (isSeen.current) draw();
    else isDue.current = true;
  }, [input.data]);

  useEffect(() => {
    if (!input.isOverTime || plot.current === null) return;
    if (isSeen.current) plot.current.redraw(false);
    else isDue.current = true;
  }, [invalid.value, events.value, pinned.value]);

  return plot;
}
