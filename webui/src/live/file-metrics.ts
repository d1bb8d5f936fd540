/* What a report has of checks, groups and metrics: courses in steps, and of trends the histogram of each step, so
 * that percentiles of a part of the run are those of the sum. Tells what the master would, in whole steps. */
import { Histogram, type HistRule, type Sparse } from "../stats/hist";
import { COURSE, type CourseAnswer, type CourseOf, type CoursePoint, type MetricsAnswer, type MetricSeries, type SeriesName } from "./judged";
import type { ReportMetrics } from "./report-block";

const HIST = 11;
const BELOW = 12;
const SHARES = [["50", 0.5], ["90", 0.9], ["95", 0.95], ["99", 0.99]] as const;
const EXACT = 1 - 1e-12;

type Step = (number | Sparse | null)[];

function isSameSeries(a: SeriesName, b: SeriesName): boolean {
  const keys = Object.keys(a.tags);
  return a.metric === b.metric && keys.length === Object.keys(b.tags).length && keys.every((key) => a.tags[key] === b.tags[key]);
}

/** Of values of any sign: those below 0 are in a histogram of their own. */
export function quantile(hist: Histogram, below: Histogram, q: number, scale: number): number | null {
  const all = hist.total + below.total;
  if (all === 0) return null;
  const rank = Math.max(1, Math.ceil(q * all * EXACT));
  const isBelow = rank <= below.total;
  const of = isBelow ? below : hist;
  const nth = isBelow ? below.total - rank + 1 : rank - below.total;
  const size = of.percentile(nth / of.total, 0, Infinity)! / scale;
  return isBelow ? -size : size;
}

const numberAt = (step: Step, column: number): number => (step[column] as number | null) ?? 0;

function sumOf(series: MetricSeries, steps: Step[], scale: number, rule: HistRule): MetricSeries {
  const add = (column: number): number => steps.reduce((sum, step) => sum + numberAt(step, column), 0);
  const count = add(COURSE.count);
  const { metric, type, unit, tags, other, first, last, first_failed, last_failed } = series;
  const base = { metric, type, unit, tags, other, count, ...(first ? { first } : {}), ...(last ? { last } : {}), ...(first_failed ? { first_failed } : {}), ...(last_failed ? { last_failed } : {}) };
  if (type === "rate") return { ...base, passes: add(COURSE.hits), fails: count - add(COURSE.hits) };
  const sum = add(COURSE.sum);
  if (type === "counter") return { ...base, sum };
  const [min, max] = [Math.min(...steps.map((step) => numberAt(step, COURSE.min))), Math.max(...steps.map((step) => numberAt(step, COURSE.max)))];
  if (type === "gauge") return { ...base, value: numberAt(steps.at(-1)!, COURSE.last), mean: sum / count, min, max };
  const [hist, below] = [new Histogram(rule), new Histogram(rule)];
  for (const step of steps) {
    hist.add(step[HIST] as Sparse);
    below.add(step[BELOW] as Sparse);
  }
  const at = (q: number): number | null => {
    const value = quantile(hist, below, q, scale);
    return value === null ? null : Math.min(max, Math.max(min, value));
  };
  return { ...base, sum, mean: sum / count, min, max, percentiles: Object.fromEntries(SHARES.map(([name, q]) => [name, at(q)])) as NonNullable<MetricSeries["percentiles"]> };
}

export class FileMetrics {
  constructor(private readonly metrics: ReportMetrics | null, private readonly rule: HistRule) {}

  /** Steps of which the middle is inside. */
  range(from: number, to: number): MetricsAnswer {
    const out: MetricSeries[] = [];
    let left_out = this.metrics?.left_out ?? 0;
    this.metrics?.series.forEach((series, i) => {
      const course = this.metrics!.courses[i];
      if (!course) return void left_out++;
      const inside = course.points.filter((step) => {
        const middle = numberAt(step, COURSE.second) + course.step / 2;
        return middle >= from && middle <= to;
      });
      if (inside.length > 0) out.push(sumOf(series, inside, course.scale, this.rule));
    });
    return { series: out, left_out };
  }

  private above(step: Step, scaled: number): number {
    const hist = new Histogram(this.rule).add(step[HIST] as Sparse | null);
    let sum = 0;
    hist.each((low, _width, count) => (sum += low > scaled ? count : 0));
    return sum;
  }

  /** All series of a metric added up, in the longest of their steps; nothing where the file lacks one of them. */
  private whole(metric: string): CourseAnswer {
    const all = (this.metrics?.series ?? []).flatMap((series, i) => (series.metric === metric ? [{ series, course: this.metrics!.courses[i] }] : []));
    const step = Math.max(1, ...all.map(({ course }) => course?.step ?? 0));
    const [first] = all;
    if (first === undefined || all.some(({ course }) => !course)) return { step, points: [] };
    const steps = new Map<number, Step[]>();
    for (const { course } of all)
      for (const part of course!.points) {
        const at = Math.floor(numberAt(part, COURSE.second) / step) * step;
        steps.set(at, [...(steps.get(at) ?? []), part]);
      }
    const points = [...steps].sort(([a], [b]) => a - b).map(([second, parts]): CoursePoint => {
      const { count, passes, sum, mean, min, max, value, percentiles: at } = sumOf(first.series, parts, first.course!.scale, this.rule);
      return [second, count, passes ?? null, sum ?? (mean === undefined ? null : mean * count), min ?? null, max ?? null, value ?? null, at?.["50"] ?? null, at?.["90"] ?? null, at?.["95"] ?? null, at?.["99"] ?? null];
    });
    return { step, points };
  }

  course({ metric, tags }: CourseOf, above?: number): CourseAnswer {
    if (tags === null) return this.whole(metric);
    const of = { metric, tags };
    const at = this.metrics?.series.findIndex((series) => !series.other && isSameSeries(series, of)) ?? -1;
    const course = this.metrics?.courses[at];
    if (!course) return { step: 1, points: [] };
    const more = (step: Step): number[] => (above === undefined ? [] : [this.above(step, above * course.scale)]);
    return { step: course.step, points: course.points.map((step) => [...step.slice(0, HIST), ...more(step)] as CoursePoint) };
  }
}
