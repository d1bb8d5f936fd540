/* Response time against load: a dot per step, coloured by its time. Where the dots turn upwards
 * is the knee: more load than that is only more waiting. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { ms, rate } from "../lib/format";
import { POINT } from "../live/protocol";
import type { SeriesView } from "../live/series";
import { timeText } from "../range/time";
import { ChartPanel } from "./panel";
import { labelsOf, stepsOf } from "./labels";
import { axis, linear, niceTop, usePlot, valueAxis, type PlotData } from "./plot";
import { rampColor } from "./ramp";

export interface ScatterProps {
  id: string;
  /** Of the endpoint. */
  view: SeriesView;
  /** Of all requests: the load. */
  load: SeriesView;
}

interface Dot {
  x: number;
  y: number;
  second: number;
}

type Against = "rate" | "users";

function dotsOf({ view, load }: ScatterProps, against: Against): Dot[] {
  const loads = load.column(against === "rate" ? POINT.rps : POINT.users);
  const times = view.column(POINT.p95);
  const dots: Dot[] = [];
  let at = 0;
  view.x.forEach((second, i) => {
    while (at + 1 < load.x.length && load.x[at + 1]! <= second) at++;
    const [x, y] = [loads[at], times[i]];
    if (x !== null && x !== undefined && y !== null && y !== undefined) dots.push({ x, y, second });
  });
  return dots.sort((a, b) => a.x - b.x);
}

function Canvas({ dots, against, sentence }: { dots: Dot[]; against: Against; sentence: string }): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const data = useMemo(() => (): PlotData => [dots.map((dot) => dot.x), dots.map((dot) => dot.y)], [dots]);
  const newest = useRef(dots);
  newest.current = dots;
  function draw(plot: uPlot): void {
    const { ctx } = plot;
    const radius = 3 * devicePixelRatio;
    const all = newest.current;
    const seconds = all.map((dot) => dot.second);
    const [first, last] = [seconds.reduce((a, b) => Math.min(a, b), Infinity), seconds.reduce((a, b) => Math.max(a, b), 0)];
    ctx.save();
    ctx.globalAlpha = 0.75;
    for (const dot of all) {
      const [r, g, b] = rampColor(0.15 + (0.8 * (dot.second - first)) / Math.max(1, last - first));
      ctx.fillStyle = `rgb(${r} ${g} ${b})`;
      ctx.beginPath();
      ctx.arc(plot.valToPos(dot.x, "x", true), plot.valToPos(dot.y, "y", true), radius, 0, 2 * Math.PI);
      ctx.fill();
    }
    ctx.restore();
  }
  usePlot(box, {
    data, deps: [against],
    options: () => ({
      padding: [8, 18, 0, 0], legend: { show: false }, cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
      scales: { x: { time: false, range: (_, __, max) => [0, niceTop(max)] }, y: { range: linear } },
      axes: [axis({ size: 28, space: 60, values: (_, ticks) => labelsOf(ticks, against === "rate" ? "rate" : "count"), ...(against === "rate" ? {} : { incrs: stepsOf("count")! }) }), valueAxis("ms")],
      series: [{}, { label: "p95", paths: () => null, points: { show: false } }],
      hooks: { draw: [draw] },
    }),
  });
  return <div class="chart-box" ref={box} tabIndex={0} role="img" aria-label={sentence} />;
}

export function Scatter(props: ScatterProps): JSX.Element {
  const against = useSignal<Against>("rate");
  const dots = useMemo(() => dotsOf(props, against.value), [props.view, props.load, against.value]);
  const word = against.value === "rate" ? "requests/s of the whole test" : "users";
  return (
    <ChartPanel id={props.id} title="Time against load" unit="p95 ms"
      tools={
        <div class="segments small" role="group" aria-label="Load">
          <button type="button" aria-pressed={against.value === "rate"} onClick={() => (against.value = "rate")}>req/s</button>
          <button type="button" aria-pressed={against.value === "users"} onClick={() => (against.value = "users")}>users</button>
        </div>
      }
      legend={<span class="legend-note">to the right: {word}; early dots dark, late ones bright</span>}
      empty={dots.length < 2 ? "Too few steps in this range." : ""}
      table={{
        head: ["time", against.value === "rate" ? "requests/s" : "users", "p95 ms"], rows: () => dots.map((dot) => [dot.second, dot.x, dot.y]),
        text: (value, column) => (column === 0 ? timeText(Number(value)) : column === 1 ? rate(Number(value)) : ms(Number(value))),
      }}>
      <Canvas dots={dots} against={against.value} sentence={`p95 of ${dots.length} steps against ${word}`} />
    </ChartPanel>
  );
}
