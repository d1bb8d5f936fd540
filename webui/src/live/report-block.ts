/* The data that a report file carries: base64 of gzip of JSON in a block that is no script
 * (docs/api.md, "The report file"). */
import type { Sparse } from "../stats/hist";
export { WIN } from "./columns";
import type { Judged, MetricSeries } from "./judged";
import type { KeptSamples } from "./kept-parts";
import type { ScenariosAnswer } from "./scenarios";
import type { Exception, Failure, Hello, LogsAnswer, Point, RunEvent, Saturated, Tick } from "./protocol";

const BLOCK_ID = "katydid-report";
export const REPORT_VERSION = 1;

/** A course is null where the file had no room. Points of a trend have two more columns: histograms of value × scale, and of
 * those below 0 without their sign. */
export interface ReportMetrics {
  series: MetricSeries[];
  left_out: number;
  courses: ({ scale: number; step: number; points: (number | Sparse | null)[][] } | null)[];
}

/** A row in a window; the order is that of WIN. */
export type WindowRow = (number | Sparse | null)[];

export interface Report {
  version: number;
  made_at: number;
  from: number;
  to: number;
  hist_rule: { sub_bits: number };
  hello: Hello;
  tick: Tick;
  series: { step: number; columns: string[]; points: Point[] };
  rows_run: { columns: string[]; rows: WindowRow[] };
  rows_windows: { step: number; columns: string[]; rows: WindowRow[] };
  failures: Failure[];
  /** When the first step of their trends begins, and how long one is. */
  trend_at?: [number, number];
  failures_windows: { step: number; rows: [number, number, number, number][] };
  exceptions: Exception[];
  workers_series: { step: number; points: (number | null)[][] };
  events: RunEvent[];
  saturated: Saturated[];
  script: unknown;
  /** By method, name and text of the failure, or null for the slowest of the row. null: left out. */
  samples: KeptSamples | null;
  logs: LogsAnswer | null;
  /** Absent from an older report. */
  verdict?: Judged | Record<string, never>;
  metrics?: ReportMetrics | null;
  /** Absent without scenarios. */
  scenarios?: ScenariosAnswer;
}

/** The block of this page, or null: it is empty or not there. */
export function findReport(): string | null {
  const text = document.getElementById(BLOCK_ID)?.textContent?.trim() ?? "";
  return text === "" ? null : text;
}

export async function readReport(block: string): Promise<Report> {
  const packed = Uint8Array.from(atob(block), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const report = JSON.parse(await new Response(stream).text()) as Report;
  if (report.version !== REPORT_VERSION) throw new Error(`the report is of version ${report.version}, this page reads ${REPORT_VERSION}`);
  return report;
}
