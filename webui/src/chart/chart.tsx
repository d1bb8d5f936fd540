/* One chart over time: uPlot with our frame: a legend that shows the values at the cursor and
 * switches lines, one cursor for all charts, arrow keys, a table of the same numbers, and a
 * sentence that says what is seen. Colours come from CSS variables. */
import { useSignal, type ReadonlySignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { timeOfDay } from "../lib/format";
import { cssVar, painted } from "../lib/theme";
import { Icon } from "../parts/icons";

export interface Line {
  label: string;
  color: string; // name of a CSS variable
  dash?: number[];
  width?: number;
  fill?: string;
}

export interface ChartProps {
  id: string;
  title: string;
  unit: string;
  lines: Line[];
  revision: ReadonlySignal<unknown>;
  data: () => (number | null)[][];
  format: (value: number | null | undefined) => string;
}

const SYNC = "run";
const HEIGHT = 204;
const TABLE_ROWS = 25;

function axisFont(): string {
  return `12px ${cssVar("--font")}`;
}

function niceTop(max: number | null): number {
  if (max === null || !(max > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(max));
  for (const factor of [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) if (factor * power >= max * 1.05) return factor * power;
  return 10 * power;
}

function options(props: ChartProps, width: number, onCursor: (index: number | null) => void): uPlot.Options {
  const ink = cssVar("--muted");
  const grid = { stroke: cssVar("--grid"), width: 1 };
  const axis = { stroke: ink, font: axisFont(), grid, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [8, 34, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: SYNC },
      drag: { x: false, y: false },
      points: { size: 7 },
      y: false,
    },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, niceTop(max)] } },
    axes: [
      { ...axis, space: 70, size: 28, values: (_, ticks) => ticks.map(timeOfDay) },
      { ...axis, space: 36, size: 52, gap: 6, values: (_, ticks) => ticks.map((tick) => props.format(tick)) },
    ],
    series: [
      {},
      ...props.lines.map((line) => ({
        label: line.label,
        stroke: cssVar(line.color),
        width: line.width ?? 1.75,
        ...(line.dash ? { dash: line.dash } : {}),
        ...(line.fill ? { fill: cssVar(line.fill) } : {}),
        points: { show: false },
        spanGaps: false,
      })),
    ],
    hooks: {
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)],
    },
  };
}

function KeySample({ line }: { line: Line }): JSX.Element {
  return (
    <svg class="key-sample" viewBox="0 0 20 8" aria-hidden="true">
      <path d="M0 4H20" class={`stroke${line.color}`} stroke-dasharray={line.dash?.map((n) => n / 1.5).join(" ")} />
    </svg>
  );
}

function DataTable({ props, data }: { props: ChartProps; data: (number | null)[][] }): JSX.Element {
  const from = Math.max(0, data[0]!.length - TABLE_ROWS);
  const rows = data[0]!.map((_, i) => i).slice(from).reverse();
  return (
    <div class="chart-table" tabIndex={0} role="region" aria-label={`${props.title}, last ${rows.length} seconds`}>
      <table>
        <thead>
          <tr><th scope="col">Time</th>{props.lines.map((line) => <th scope="col" key={line.label}>{line.label}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={data[0]![row]}>
              <th scope="row">{timeOfDay(data[0]![row] ?? 0)}</th>
              {props.lines.map((line, i) => <td key={line.label}>{props.format(data[i + 1]![row])}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Chart(props: ChartProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const cursor = useSignal<number | null>(null);
  const hidden = useSignal<readonly number[]>([]);
  const asTable = useSignal(false);
  const data = props.data();
  const isEmpty = data[0]!.length === 0;
  const shown = cursor.value ?? data[0]!.length - 1;

  useEffect(() => {
    if (asTable.value || isEmpty || box.current === null) return;
    const target = box.current;
    const made = new uPlot(
      options(props, target.clientWidth, (index) => (cursor.value = index)),
      props.data() as uPlot.AlignedData,
      target,
    );
    for (const i of hidden.peek()) made.setSeries(i + 1, { show: false });
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: target.clientWidth, height: HEIGHT }));
    observer.observe(target);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [painted.value, asTable.value, isEmpty]);

  useEffect(() => {
    plot.current?.setData(data as uPlot.AlignedData);
  }, [props.revision.value, data[0]!.length]);

  function toggle(i: number): void {
    const isHidden = hidden.value.includes(i);
    hidden.value = isHidden ? hidden.value.filter((n) => n !== i) : [...hidden.value, i];
    plot.current?.setSeries(i + 1, { show: isHidden });
  }

  function move(event: KeyboardEvent): void {
    const made = plot.current;
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (made === null || step === 0) return;
    event.preventDefault();
    const last = data[0]!.length - 1;
    const index = Math.min(last, Math.max(0, (cursor.value ?? last + 1) + step));
    made.setCursor({ left: made.valToPos(data[0]![index]!, "x"), top: 10 });
  }

  const sentence = props.lines
    .map((line, i) => `${line.label} ${props.format(data[i + 1]!.at(-1))}`)
    .join(", ");
  return (
    <section class="panel chart" aria-labelledby={`${props.id}-title`}>
      <header class="panel-head">
        <h2 id={`${props.id}-title`}>{props.title} <span class="unit">{props.unit}</span></h2>
        <div class="legend">
          {props.lines.map((line, i) => (
            <button type="button" key={line.label} class="legend-entry" aria-pressed={!hidden.value.includes(i)}
              title={hidden.value.includes(i) ? `Show ${line.label}` : `Hide ${line.label}`} onClick={() => toggle(i)}>
              <KeySample line={line} />
              <span>{line.label}</span>
              <span class="legend-value">{props.format(data[i + 1]![shown])}</span>
            </button>
          ))}
        </div>
        <button type="button" class="button quiet icon-only" aria-pressed={asTable.value}
          aria-label={asTable.value ? `${props.title} as a chart` : `${props.title} as a table`}
          onClick={() => (asTable.value = !asTable.value)}>
          <Icon name={asTable.value ? "chart" : "table"} />
        </button>
      </header>
      {isEmpty ? (
        <p class="empty chart-box">No second has been measured yet.</p>
      ) : asTable.value ? (
        <DataTable props={props} data={data} />
      ) : (
        <div class="chart-box" ref={box} tabIndex={0} role="img" aria-label={`${props.title}: ${sentence}`}
          onKeyDown={move} onBlur={() => plot.current?.setCursor({ left: -10, top: -10 })} />
      )}
      <p class="visually-hidden" aria-live="polite">
        {cursor.value !== null && document.activeElement === box.current
          ? `${timeOfDay(data[0]![cursor.value] ?? 0)}: ${props.lines
              .map((line, i) => `${line.label} ${props.format(data[i + 1]![cursor.value!])}`)
              .join(", ")}`
          : ""}
      </p>
    </section>
  );
}
