/* What a stored run has besides its figures (docs/api.md): read once, when its page is opened. */
import { HistRule } from "../stats/hist";
import { FileMetrics } from "./file-metrics";
import type { GetJson, SamplesAsk } from "./queries";
import type { CourseAnswer, CourseOf, MetricsAnswer } from "./judged";
import { linesSince, samplesOf, type KeptSamples } from "./kept-parts";
import type { Failure, LogsAnswer, Sample } from "./protocol";
import type { ReportMetrics } from "./report-block";
import type { ScenariosAnswer } from "./scenarios";

const SUB_BITS = 7; // of the histograms of courses

interface KeptAnswer {
  scenarios: ScenariosAnswer | null;
  metrics: ReportMetrics | null;
  samples: KeptSamples | null;
  logs: LogsAnswer | null;
}

export class Kept {
  readonly seriesCount: number;
  private readonly counted: FileMetrics;

  constructor(private readonly answer: KeptAnswer) {
    this.counted = new FileMetrics(answer.metrics, new HistRule(SUB_BITS));
    this.seriesCount = answer.metrics?.series.length ?? 0;
  }

  static async read(get: GetJson): Promise<Kept> {
    return new Kept(await get<KeptAnswer>("kept"));
  }

  has(what: "samples" | "logs"): boolean {
    return this.answer[what] !== null;
  }

  /** range null: all of the run. */
  metrics(range: { from: number; to: number } | null): MetricsAnswer {
    return range === null ? { series: this.answer.metrics?.series ?? [], left_out: this.answer.metrics?.left_out ?? 0 } : this.counted.range(range.from, range.to);
  }

  course(of: CourseOf, above?: number): CourseAnswer {
    return this.counted.course(of, above);
  }

  get scenarios(): ScenariosAnswer | null {
    return this.answer.scenarios;
  }

  samples(ask: SamplesAsk, failures: readonly Failure[], defs: readonly (readonly [number, string, string])[]): Sample[] {
    return samplesOf(this.answer.samples, ask, { failures, defs });
  }

  logs(since: number): LogsAnswer {
    return linesSince(this.answer.logs, since);
  }
}
