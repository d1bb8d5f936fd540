/* What a screen can ask about a range of the run. Two answer: the master by HTTP, and the report
 * file by merging the histograms it holds (file-queries.ts). Times are unix seconds, `to` is the
 * first second that is not meant. */
import type {
  DistributionAnswer, Exception, Failure, GroupsAnswer, HeatmapAnswer, LogsAnswer, RangeAnswer, RunEvent, Sample, Series,
} from "./protocol";
import type { CourseAnswer, CourseOf, Judged, MetricsAnswer } from "./judged";
import type { ScenariosAnswer } from "./scenarios";
import { SeriesTable } from "./series";

const LINES_AT_ONCE = 2000; // of the log

/** Failures with their trends, and where the steps of those lie: absent from an older report. */
export interface FailuresOver {
  failures: Failure[];
  trend_at?: [number, number];
}

export interface SeriesAsk {
  from: number;
  to: number;
  /** A row of the endpoints table; none: all requests. */
  id?: number;
  worker?: number;
}

/** Kept requests: the newest of a kind of failure, or the slowest of a row. */
export type SamplesAsk = { kind: number } | { row: number } | { check: string };

export interface Queries {
  range(from: number, to: number, signal?: AbortSignal): Promise<RangeAnswer>;
  series(ask: SeriesAsk, signal?: AbortSignal): Promise<SeriesTable>;
  /** Rows by the first `depth` parts of their path, histograms merged. */
  groups(from: number, to: number, depth: number, signal?: AbortSignal): Promise<GroupsAnswer>;
  heatmap(from: number, to: number, id: number, signal?: AbortSignal): Promise<HeatmapAnswer>;
  distribution(from: number, to: number, id: number, signal?: AbortSignal): Promise<DistributionAnswer>;
  /** p95 over the range in `points` steps, by the id of the row. */
  sparks(from: number, to: number, ids: number[], points: number, signal?: AbortSignal): Promise<Record<string, (number | null)[]>>;
  failures(from: number, to: number, signal?: AbortSignal): Promise<Failure[]>;
  failuresOver(from: number, to: number, signal?: AbortSignal): Promise<FailuresOver>;
  exceptions(signal?: AbortSignal): Promise<Exception[]>;
  events(signal?: AbortSignal): Promise<RunEvent[]>;
  samples(ask: SamplesAsk, signal?: AbortSignal): Promise<Sample[]>;
  verdict(signal?: AbortSignal): Promise<Judged | null>;
  /** Checks, groups, metrics, requests by tags; without a range of all of the run. */
  metrics(range: { from: number; to: number } | null, signal?: AbortSignal): Promise<MetricsAnswer>;
  /** above: of a trend, one more column: how many values of each step are above that. */
  course(of: CourseOf, from: number, to: number, signal?: AbortSignal, above?: number): Promise<CourseAnswer>;
  /** null: an older report, which does not tell. */
  scenarios(signal?: AbortSignal): Promise<ScenariosAnswer | null>;
  /** Lines that came or repeated after number `since`. */
  logs(since: number, signal?: AbortSignal): Promise<LogsAnswer>;
}

/** GET of an address of the API below api/v1/, as JSON. */
export type GetJson = <T>(path: string, signal?: AbortSignal) => Promise<T>;

/** The width of a step: what the answer says, else the smallest distance of its points. */
function stepOf(answer: Series): number {
  if (answer.step) return answer.step;
  let step = Infinity;
  for (let i = 1; i < answer.points.length; i++) step = Math.min(step, answer.points[i]![0] - answer.points[i - 1]![0]);
  return Number.isFinite(step) && step > 0 ? step : 1;
}

export const tableOf = (answer: Series): SeriesTable => SeriesTable.of(answer.points, stepOf(answer));

function query(fields: Record<string, number | string | undefined>): string {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return new URLSearchParams(known.map(([key, value]) => [key, String(value)])).toString();
}

export class HttpQueries implements Queries {
  constructor(private readonly get: GetJson) {}

  range(from: number, to: number, signal?: AbortSignal): Promise<RangeAnswer> {
    return this.get(`range?${query({ from, to })}`, signal);
  }

  groups(from: number, to: number, depth: number, signal?: AbortSignal): Promise<GroupsAnswer> {
    return this.get(`range?${query({ from, to, group: depth })}`, signal);
  }

  async series(ask: SeriesAsk, signal?: AbortSignal): Promise<SeriesTable> {
    const { from, to, id, worker } = ask;
    const answer = await this.get<Series>(`series?${query({ from, to, id, worker, columns: "all" })}`, signal);
    return tableOf(answer);
  }

  heatmap(from: number, to: number, id: number, signal?: AbortSignal): Promise<HeatmapAnswer> {
    return this.get(`heatmap?${query({ from, to, id })}`, signal);
  }

  distribution(from: number, to: number, id: number, signal?: AbortSignal): Promise<DistributionAnswer> {
    return this.get(`distribution?${query({ from, to, id })}`, signal);
  }

  async sparks(from: number, to: number, ids: number[], points: number, signal?: AbortSignal): Promise<Record<string, (number | null)[]>> {
    const answer = await this.get<{ rows: Record<string, (number | null)[]> }>(`sparks?${query({ from, to, ids: ids.join(), points })}`, signal);
    return answer.rows;
  }

  async failures(from: number, to: number, signal?: AbortSignal): Promise<Failure[]> {
    return (await this.failuresOver(from, to, signal)).failures;
  }

  failuresOver(from: number, to: number, signal?: AbortSignal): Promise<FailuresOver> {
    return this.get(`failures?${query({ from, to })}`, signal);
  }

  async exceptions(signal?: AbortSignal): Promise<Exception[]> {
    return (await this.get<{ exceptions: Exception[] }>("exceptions", signal)).exceptions;
  }

  async events(signal?: AbortSignal): Promise<RunEvent[]> {
    return (await this.get<{ events: RunEvent[] }>("events", signal)).events;
  }

  async samples(ask: SamplesAsk, signal?: AbortSignal): Promise<Sample[]> {
    return (await this.get<{ samples: Sample[] }>(`samples?${query({ ...ask })}`, signal)).samples;
  }

  verdict(signal?: AbortSignal): Promise<Judged> {
    return this.get("verdict", signal);
  }

  metrics(range: { from: number; to: number } | null, signal?: AbortSignal): Promise<MetricsAnswer> {
    return this.get(range === null ? "metrics" : `metrics?${query({ ...range })}`, signal);
  }

  course({ metric, tags }: CourseOf, from: number, to: number, signal?: AbortSignal, above?: number): Promise<CourseAnswer> {
    return this.get(`metrics/series?${query({ metric, tags: tags === null ? undefined : JSON.stringify(tags), from, to, above })}`, signal);
  }

  scenarios(signal?: AbortSignal): Promise<ScenariosAnswer | null> {
    return this.get("scenarios", signal);
  }

  logs(since: number, signal?: AbortSignal): Promise<LogsAnswer> {
    return this.get(`logs?${query({ since, limit: LINES_AT_ONCE })}`, signal);
  }
}
