/* Answers about ranges of a recorded run: the windows of the report are added up, histograms
 * included, and every number is read from the sum, as the master does it (master/web/timeline_json.c, spread.c):
 * tests/vectors/report.json holds the two together. A range is widened to whole windows; what is
 * asked about all of the run comes from the rows of the whole run, which every endpoint has. */
import { HistRule } from "../stats/hist";
import type { FailuresOver, Queries, SamplesAsk, SeriesAsk } from "./queries";
import { POINT, POINT_WIDTH } from "./protocol";
import { prefixOf } from "../lib/prefix";
import type { DistributionAnswer, Exception, Failure, GroupsAnswer, HeatmapAnswer, LogsAnswer, Point, RangeAnswer, RangeWorker, RunEvent, Sample } from "./protocol";
import { WIN, type Report, type WindowRow } from "./report-block";
import { FileMetrics } from "./file-metrics";
import { linesSince, samplesOf } from "./kept-parts";
import type { CourseAnswer, CourseOf, InvalidSpan, Judged, MetricsAnswer } from "./judged";
import type { ScenariosAnswer } from "./scenarios";
import { isLoss } from "./health";
import { SeriesTable } from "./series";
import { distributionOf, heatmapOf } from "./spread";
import { Sum } from "./sum";

const TREND_STEPS = 30;

export class FileQueries implements Queries {
  private readonly rule: HistRule;
  private readonly byId = new Map<number, WindowRow[]>();
  private readonly whole = new Map<number, WindowRow>();
  private readonly total: SeriesTable;
  private readonly counted: FileMetrics;

  constructor(private readonly report: Report) {
    this.rule = new HistRule(report.hist_rule.sub_bits);
    for (const row of report.rows_run.rows) this.whole.set(row[WIN.id] as number, row);
    for (const row of report.rows_windows.rows) {
      const id = row[WIN.id] as number;
      const list = this.byId.get(id);
      if (list) list.push(row);
      else this.byId.set(id, [row]);
    }
    this.counted = new FileMetrics(report.metrics ?? null, this.rule);
    this.total = SeriesTable.of(report.series.points, report.series.step);
  }

  get wholeSeries(): SeriesTable {
    return this.total;
  }

  /** As the master recorded it; of a run that was saved without a verdict its saturated workers are known. */
  private get invalid(): readonly InvalidSpan[] {
    const { verdict, saturated } = this.report;
    return verdict !== undefined && "invalid" in verdict ? verdict.invalid : saturated.map(([from, to, worker, why]) => [from, to, worker, "", why]);
  }

  private isAll(from: number, to: number): boolean {
    return from <= this.report.from && to >= this.report.to;
  }

  /** The windows of which more than half is inside. At least one, where there is any that touches. */
  private windows(id: number, from: number, to: number): WindowRow[] {
    const touching = (this.byId.get(id) ?? []).filter((row) => (row[WIN.from] as number) < to && (row[WIN.to] as number) > from);
    const inside = touching.filter((row) => {
      const middle = ((row[WIN.from] as number) + (row[WIN.to] as number)) / 2;
      return middle >= from && middle <= to;
    });
    return inside.length > 0 ? inside : touching.slice(0, 1);
  }

  private pieces(id: number, from: number, to: number): WindowRow[] {
    return this.isAll(from, to) ? [this.whole.get(id)].filter((row) => row !== undefined) : this.windows(id, from, to);
  }

  private sum(id: number, from: number, to: number): Sum | null {
    const rows = this.pieces(id, from, to);
    if (rows.length === 0) return null;
    const sum = new Sum(this.rule);
    for (const row of rows) sum.add(row);
    return sum;
  }

  /** The seconds that the windows of a range really cover. */
  private covered(from: number, to: number): [number, number] {
    if (this.isAll(from, to)) return [this.report.from, this.report.to];
    const rows = this.windows(0, from, to);
    if (rows.length === 0) return [from, to];
    return [rows[0]![WIN.from] as number, rows.at(-1)![WIN.to] as number];
  }

  /** The time of the run that is in there: its first and last second may not be whole. */
  private runSeconds(from: number, to: number): number {
    const { started, ended } = this.report.tick;
    const begin = Math.max(from, started);
    return Math.max(0, (ended > begin && ended < to ? ended : to) - begin);
  }

  async range(from: number, to: number): Promise<RangeAnswer> {
    const [start, end] = this.covered(from, to);
    const seconds = this.runSeconds(start, end);
    const rows: (number | null)[][] = [];
    for (const id of this.whole.keys()) if (id !== 0) rows.push(this.sum(id, from, to)?.row(id, seconds) ?? []);
    const invalid = this.invalid.filter(([a, b]) => a < end && b > start);
    return {
      from: start, to: end, step: this.report.rows_windows.step, run: this.report.tick.run, columns: [],
      complete: this.isAll(from, to) || this.byId.size >= this.whole.size,
      total: (this.sum(0, from, to) ?? new Sum(this.rule)).row(0, seconds),
      rows: rows.filter((row) => row.length > 0),
      failures: this.failed(start, end),
      workers: this.workers(start, end), valid: invalid.length === 0,
      saturated: invalid.filter((one) => !isLoss(one)).map(([a, b, worker, , why]) => [a, b, worker, why]), lost: invalid.filter(isLoss).map(([a, b, , name]) => [a, b, name]),
    };
  }

  async groups(from: number, to: number, depth: number): Promise<GroupsAnswer> {
    const range = await this.range(from, to);
    const seconds = this.runSeconds(range.from, range.to);
    const there = new Set(range.rows.map(([id]) => id));
    const members = new Map<string, { methods: Set<string>; ids: number[] }>();
    for (const [id, method, name] of this.report.tick.defs) {
      if (!there.has(id)) continue;
      const prefix = prefixOf(name, depth);
      const group = members.get(prefix) ?? { methods: new Set(), ids: [] };
      group.methods.add(method);
      group.ids.push(id);
      members.set(prefix, group);
    }
    const rows = [...members.values()].map(({ ids }, i) => {
      const sum = new Sum(this.rule);
      for (const id of ids) for (const row of this.pieces(id, from, to)) sum.add(row);
      return sum.row(i + 1, seconds);
    });
    const groups = [...members].map(([name, { methods, ids }]): [string, string, number] => [methods.size === 1 ? [...methods][0]! : "*", name, ids.length]);
    return { ...range, rows, groups };
  }

  private workerSeries(worker: number): SeriesTable {
    const { points, step } = this.report.workers_series;
    return SeriesTable.of(points.filter(([, index]) => index === worker).map(([second, , users, rps, failRps, , cpu, lag]) => {
      const point = new Array<number | null>(POINT_WIDTH).fill(null);
      Object.assign(point, { [POINT.second]: second, [POINT.users]: users, [POINT.rps]: rps, [POINT.failRps]: failRps, [POINT.cpu]: cpu, [POINT.lag]: lag });
      return point as Point;
    }), step);
  }

  /** Counts are those of the windows; means are by how often a worker told of itself in each. */
  private workers(from: number, to: number): RangeWorker[] {
    const all = new Map<number, (number | null)[][]>();
    for (const point of this.report.workers_series.points) {
      if (point[0]! < from || point[0]! >= to) continue;
      const index = point[1]!;
      const list = all.get(index);
      if (list) list.push(point);
      else all.set(index, [point]);
    }
    return [...all].sort(([a], [b]) => a - b).map(([index, points]) => {
      const sum = (i: number): number => points.reduce((n, point) => n + point[i]!, 0);
      const mean = (i: number): number | null => (sum(9) > 0 ? points.reduce((n, point) => n + (point[i] ?? 0) * point[9]!, 0) / sum(9) : null);
      const most = (i: number): number | null => {
        const known = points.map((point) => point[i]).filter((v): v is number => v !== null && v !== undefined);
        return known.length > 0 ? Math.max(...known) : null;
      };
      return [index, sum(10), sum(11), mean(5), most(6), most(7), mean(2)];
    });
  }

  async series(ask: SeriesAsk): Promise<SeriesTable> {
    if (ask.worker !== undefined) return this.workerSeries(ask.worker);
    if (ask.id === undefined || ask.id === 0) return this.total;
    const rows = this.byId.get(ask.id) ?? [];
    const step = this.report.rows_windows.step;
    const byTime = new Map(rows.map((row) => [row[WIN.from] as number, row]));
    const points = (rows.length > 0 ? this.starts() : []).map((at) => {
      const row = byTime.get(at);
      const sum = new Sum(this.rule);
      return (row ? sum.add(row) : sum).point(at, step);
    });
    for (const point of points) this.addUsers(point);
    return SeriesTable.of(points, step);
  }

  /** Where the windows of the run begin, also those without a request. */
  private starts(): number[] {
    const step = this.report.rows_windows.step;
    const { from, to } = this.report;
    const known = (this.byId.get(0)?.[0]?.[WIN.from] as number | undefined) ?? from;
    const first = known - Math.ceil((known - from) / step) * step;
    return Array.from({ length: Math.max(0, Math.ceil((to - first) / step)) }, (_, i) => first + i * step);
  }

  /** Users are the same for every endpoint. */
  private addUsers(point: Point): void {
    const view = this.total.view(point[0], point[0] + this.report.rows_windows.step);
    point[POINT.users] = view.column(POINT.users)[0] ?? null;
    point[POINT.target] = view.column(POINT.target)[0] ?? null;
  }

  async heatmap(from: number, to: number, id: number): Promise<HeatmapAnswer> {
    return heatmapOf(this.rule, this.windows(id, from, to), this.sum(id, from, to), { start: this.covered(from, to)[0], step: this.report.rows_windows.step });
  }

  async distribution(from: number, to: number, id: number): Promise<DistributionAnswer> {
    return distributionOf(this.rule, this.sum(id, from, to) ?? new Sum(this.rule));
  }

  async sparks(from: number, to: number, ids: number[], points: number): Promise<Record<string, (number | null)[]>> {
    const step = (to - from) / points;
    const rows: Record<string, (number | null)[]> = {};
    for (const id of ids) {
      const line = new Array<number | null>(points).fill(null);
      for (const row of this.windows(id, from, to)) {
        const at = Math.min(points - 1, Math.max(0, Math.floor(((row[WIN.from] as number) - from) / step)));
        line[at] = new Sum(this.rule).add(row).ms(0.95);
      }
      rows[id] = line.filter((value, i) => value !== null || i === 0);
    }
    return rows;
  }

  /** By kind, as far as the windows tell when the first and the last were. */
  private failed(from: number, to: number): [number, number, number, number][] {
    const { rows } = this.report.failures_windows;
    const out: [number, number, number, number][] = [];
    for (const { id, count, first, last } of this.report.failures) {
      const inside = rows.filter(([a, b, kind]) => kind === id && a < to && b > from);
      if (this.isAll(from, to)) out.push([id ?? 0, count, Math.floor(first), Math.floor(last)]);
      else if (inside.length > 0) out.push([id ?? 0, inside.reduce((sum, row) => sum + row[3], 0), inside[0]![0], inside.at(-1)![1] - 1]);
    }
    return out;
  }

  async failures(from: number, to: number): Promise<Failure[]> {
    if (this.isAll(from, to)) return this.report.failures; // these are of all of it
    const { rows, step } = this.report.failures_windows;
    return this.report.failures.map((failure) => {
      const inside = rows.filter(([a, b, kind]) => kind === failure.id && a < to && b > from);
      const trend = new Array<number>(Math.max(1, Math.min(TREND_STEPS, Math.ceil((to - from) / Math.max(1, step))))).fill(0);
      for (const [a, , , count] of inside) trend[Math.min(trend.length - 1, Math.max(0, Math.floor(((a - from) / (to - from)) * trend.length)))]! += count;
      return { ...failure, in_range: inside.reduce((sum, [, , , count]) => sum + count, 0), trend };
    });
  }

  async failuresOver(from: number, to: number): Promise<FailuresOver> {
    const { trend_at } = this.report;
    return { failures: await this.failures(from, to), ...(this.isAll(from, to) && trend_at !== undefined ? { trend_at } : {}) };
  }

  async exceptions(): Promise<Exception[]> {
    return this.report.exceptions;
  }

  async events(): Promise<RunEvent[]> {
    return this.report.events;
  }

  async verdict(): Promise<Judged | null> {
    const verdict = this.report.verdict;
    return verdict !== undefined && "thresholds" in verdict ? (verdict as Judged) : null;
  }

  async metrics(range: { from: number; to: number } | null): Promise<MetricsAnswer> {
    const isAll = range === null || this.isAll(range.from, range.to);
    return isAll ? { series: this.report.metrics?.series ?? [], left_out: this.report.metrics?.left_out ?? 0 } : this.counted.range(range.from, range.to);
  }

  async course(of: CourseOf, _from?: number, _to?: number, _signal?: AbortSignal, above?: number): Promise<CourseAnswer> {
    return this.counted.course(of, above);
  }

  async scenarios(): Promise<ScenariosAnswer | null> {
    return this.report.scenarios ?? null;
  }

  async samples(ask: SamplesAsk): Promise<Sample[]> {
    return samplesOf(this.report.samples, ask, { failures: this.report.failures, defs: this.report.tick.defs });
  }

  async logs(since: number): Promise<LogsAnswer> {
    return linesSince(this.report.logs, since);
  }
}
