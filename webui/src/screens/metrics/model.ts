/* What was counted in series, as rows of four tables: checks, groups, metrics of the script, requests by tags. Pure. */
import { count, duration, percent, visible } from "../../lib/format";
import type { MetricSeries, SeriesName } from "../../live/judged";

export const KINDS = ["checks", "groups", "metrics", "requests"] as const;
export type Kind = (typeof KINDS)[number];

export interface CountedRow {
  key: string;
  /** What stands first; tags that say no more than it are left out. */
  title: string;
  tags: [string, string][];
  main: SeriesName & { type: MetricSeries["type"]; unit: string };
  isOther: boolean;
  /** By name of the column. */
  numbers: Record<string, number | null>;
  first: number | null;
  last: number | null;
  type: MetricSeries["type"];
  unit: string;
  /** Of a gauge, where there are several: what each worker said last. */
  workers: NonNullable<MetricSeries["workers"]>;
}

const GROUP_METRICS = ["group_duration", "group_busy", "group_failed", "group_cut"];
const REQUEST_METRICS = ["http_req_duration", "http_req_failed"];

export function kindOf(metric: string): Kind {
  if (metric === "checks") return "checks";
  if (GROUP_METRICS.includes(metric)) return "groups";
  return REQUEST_METRICS.includes(metric) ? "requests" : "metrics";
}

/** A series in the address. */
export function seriesText({ metric, tags }: SeriesName): string {
  return `${metric}${JSON.stringify(Object.fromEntries(Object.entries(tags).sort()))}`;
}

const tagsText = (tags: Record<string, string>): string => JSON.stringify(Object.entries(tags).sort());
const share = (part: number | undefined, all: number): number | null => (all > 0 ? (100 * (part ?? 0)) / all : null);

function rowOf(series: MetricSeries, title: string, shownTags: Record<string, string>, numbers: Record<string, number | null>, times: [number | undefined, number | undefined]): CountedRow {
  const { metric, tags, type, unit, other } = series;
  return {
    key: seriesText({ metric, tags }) + (other ? "other" : ""), title: other ? "(all others)" : title, tags: Object.entries(shownTags), main: { metric, tags, type, unit }, isOther: other,
    numbers, first: times[0] ?? null, last: times[1] ?? null, type, unit,
    workers: series.workers !== undefined && series.workers.length > 1 ? series.workers : [],
  };
}

function checkRow(series: MetricSeries): CountedRow {
  const { check = "", ...others } = series.tags;
  return rowOf(series, check, others, { count: series.count, passes: series.passes ?? 0, fails: series.fails ?? 0, held: share(series.passes, series.count) }, [series.first_failed, series.last_failed]);
}

/** The four metrics of a group side by side: they have the same tags. One that was only cut has no duration. */
function groupRows(all: readonly MetricSeries[]): CountedRow[] {
  const byTags = new Map<string, Map<string, MetricSeries>>();
  for (const series of all) {
    const key = `${series.other} ${tagsText(series.tags)}`;
    if (!byTags.has(key)) byTags.set(key, new Map());
    byTags.get(key)!.set(series.metric, series);
  }
  return [...byTags.values()].map((of) => {
    const [time, busy, failed, cut] = GROUP_METRICS.map((metric) => of.get(metric));
    const main = time ?? failed ?? busy ?? cut!;
    const { group = "", ...others } = main.tags;
    return rowOf(main, group, others, {
      count: time?.count ?? 0, failed: failed === undefined ? null : share(failed.passes, failed.count), mean: time?.mean ?? null, p50: time?.percentiles?.["50"] ?? null,
      p95: time?.percentiles?.["95"] ?? null, max: time?.max ?? null, busy: busy?.mean ?? null, cut: cut?.sum ?? 0,
    }, [main.first, main.last]);
  });
}

function requestRows(all: readonly MetricSeries[]): CountedRow[] {
  const failed = new Map(all.filter(({ metric }) => metric === "http_req_failed").map((series) => [tagsText(series.tags), series]));
  return all.filter(({ metric }) => metric === "http_req_duration").map((time) => {
    const { method = "", name = "", ...others } = time.tags;
    const fails = failed.get(tagsText(time.tags));
    return rowOf(time, `${method} ${name}`.trim(), others, {
      count: time.count, failed: fails === undefined ? null : share(fails.passes, fails.count), mean: time.mean ?? null, p50: time.percentiles?.["50"] ?? null, p95: time.percentiles?.["95"] ?? null,
      p99: time.percentiles?.["99"] ?? null, max: time.max ?? null,
    }, [time.first, time.last]);
  });
}

function metricRow(series: MetricSeries): CountedRow {
  const value = { counter: series.sum, gauge: series.value, rate: share(series.passes, series.count), trend: series.mean }[series.type];
  return rowOf(series, series.metric, series.tags, {
    count: series.count, value: value ?? null, min: series.min ?? null, max: series.max ?? null, p50: series.percentiles?.["50"] ?? null, p95: series.percentiles?.["95"] ?? null,
  }, [series.first, series.last]);
}

export function rowsOf(all: readonly MetricSeries[], kind: Kind): CountedRow[] {
  const mine = all.filter(({ metric }) => kindOf(metric) === kind);
  if (kind === "groups") return groupRows(mine);
  if (kind === "requests") return requestRows(mine);
  return mine.map(kind === "checks" ? checkRow : metricRow);
}

/** Every word is in the name or in a tag. */
export function filteredRows(rows: readonly CountedRow[], text: string): CountedRow[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return rows.filter(({ title, tags, type }) => {
    const all = `${title} ${tags.map(([key, value]) => `${key}:${value}`).join(" ")} ${type}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

/** "-fails": descending. Rows without the number come last. */
export function sortedRows(rows: readonly CountedRow[], sort: string): CountedRow[] {
  const key = sort.replace("-", "");
  const sign = sort.startsWith("-") ? -1 : 1;
  const number = (row: CountedRow): number | null => (key === "first" ? row.first : key === "last" ? row.last : row.numbers[key] ?? null);
  const byName = (a: CountedRow, b: CountedRow): number => (a.title !== b.title ? (a.title < b.title ? -1 : 1) : a.key < b.key ? -1 : 1);
  return [...rows].sort((a, b) => {
    if (key === "name") return sign * byName(a, b);
    const [x, y] = [number(a), number(b)];
    if (x === null || y === null) return x === y ? byName(a, b) : x === null ? 1 : -1;
    return sign * (x - y) || byName(a, b);
  });
}

/** A value of a metric with its unit; times as everywhere on the page. */
export function valueText(value: number | null, unit: string): string {
  if (value === null || !Number.isFinite(value)) return "–";
  if (unit === "ms") return duration(value).join(" ").trim();
  const size = Math.abs(value);
  const text = size >= 1e6 ? count(value) : size >= 100 ? new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 }).format(value) : String(Number(value.toPrecision(4)));
  return unit === "" ? text : `${text} ${visible(unit)}`;
}

/** A share that is known as percent: never 0 for something, nor 100 for less than all. */
export const shareText = (value: number | null): string => (value === null ? "–" : value === 100 ? "100 %" : `${percent(value, 100)} %`);
