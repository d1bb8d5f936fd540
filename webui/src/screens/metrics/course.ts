/* The course of a series as lines of a chart. Pure. */
import type { Line } from "../../chart/time-chart";
import { COURSE, type CourseAnswer, type CoursePoint, type MetricSeries } from "../../live/judged";
import type { Point } from "../../live/protocol";
import { SeriesTable, type SeriesView } from "../../live/series";
import type { Values } from "../../chart/legend";

const STEPS_MOST = 5000;
const LATE_STEPS = 4; // the newest ones may not have been told of yet

/** Steps without a value have no point: of what is counted that is a 0, of a value it is nothing. */
export function courseTable({ points, step }: CourseAnswer, type: MetricSeries["type"], from: number, to: number): SeriesTable {
  if (points.length === 0) return SeriesTable.of([], step);
  const known = new Map(points.map((point) => [point[0], point]));
  const start = points[0]![0] - Math.ceil(Math.max(0, points[0]![0] - from) / step) * step;
  const last = points.at(-1)![0] + step;
  const end = to - last <= LATE_STEPS * step ? last : to;
  const count = Math.min(STEPS_MOST, Math.max(1, Math.ceil((end - start) / step)));
  const isCounted = type === "counter" || type === "rate";
  const empty = (second: number): CoursePoint => [second, 0, type === "rate" ? 0 : null, isCounted ? 0 : null];
  const filled = Array.from({ length: count }, (_, i) => known.get(start + i * step) ?? empty(start + i * step));
  return SeriesTable.of(filled as Point[], step);
}

const column = (index: number) => (view: SeriesView): Values => view.column(index);
const perSecond = (index: number) => (view: SeriesView): Values => view.column(index).map((value) => (value === null ? null : value / view.step));
const missed = (view: SeriesView): Values => view.column(COURSE.count).map((all, i) => (all === null ? null : (all - (view.column(COURSE.hits)[i] ?? 0)) / view.step));
const truePart = (isInverse: boolean) => (view: SeriesView): Values => view.column(COURSE.count).map((all, i) => {
  if (!all) return null;
  const hits = view.column(COURSE.hits)[i] ?? 0;
  return (100 * (isInverse ? all - hits : hits)) / all;
});
const mean = (view: SeriesView): Values => view.column(COURSE.count).map((all, i) => (all ? (view.column(COURSE.sum)[i] ?? 0) / all : null));

export interface CourseChart {
  id: string;
  title: string;
  unit: string;
  lines: Line[];
  /** What a limit of its threshold is in. */
  quantity: "value" | "percent" | "rate";
}

const TREND: Line[] = [
  { label: "p50", color: "--p50", value: column(COURSE.p50) }, { label: "p95", color: "--p95", dash: [8, 4], value: column(COURSE.p95), bandTo: "p50", bandFill: "--band" },
  { label: "p99", color: "--p99", dash: [2, 3], value: column(COURSE.p99) }, { label: "max", color: "--max", dash: [4, 6], width: 1, value: column(COURSE.max) },
];
const COUNT: CourseChart = { id: "counted", title: "Values", unit: "per second", quantity: "rate", lines: [{ label: "values", color: "--ok", fill: "--ok-fill", value: perSecond(COURSE.count) }] };

function rateCharts(isCheck: boolean): CourseChart[] {
  const [yes, no] = isCheck ? ["held", "failed"] : ["true", "false"];
  return [
    { id: "part", title: isCheck ? "Held" : "True", unit: "% of each second", quantity: "percent", lines: [{ label: yes!, color: "--s1", value: truePart(false) }] },
    { id: "counted", title: isCheck ? "Passed and failed" : "True and false", unit: "per second", quantity: "rate", lines: [
      { label: yes!, color: "--ok", fill: "--ok-fill", value: perSecond(COURSE.hits) }, { label: no!, color: "--failed", dash: [4, 3], width: 2, value: missed }] },
  ];
}

export function chartsOf(metric: string, type: MetricSeries["type"], unit: string): CourseChart[] {
  switch (type) {
    case "rate": return rateCharts(metric === "checks");
    case "counter": return [{ id: "sum", title: "Sum", unit: `${unit === "" ? "" : `${unit} `}per second`, quantity: "rate", lines: [{ label: "sum", color: "--ok", fill: "--ok-fill", value: perSecond(COURSE.sum) }] }, COUNT];
    case "gauge": return [{ id: "value", title: "Value", unit, quantity: "value", lines: [
      { label: "latest", color: "--s1", width: 2, value: column(COURSE.last) }, { label: "mean", color: "--s4", dash: [6, 3], value: mean }, { label: "max", color: "--max", dash: [4, 6], width: 1, value: column(COURSE.max) }, { label: "min", color: "--max", dash: [1, 4], width: 1, value: column(COURSE.min) }] }, COUNT];
    case "trend": return [{ id: "value", title: metric === "group_duration" ? "Time" : metric === "http_req_duration" ? "Response time" : "Value", unit, quantity: "value", lines: TREND }, COUNT];
  }
}
