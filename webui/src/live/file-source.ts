/* A recorded run: the report file that this page is part of. Nothing is asked of any network; what
 * a screen wants to know is merged from the histograms in the file. */
import { signal } from "@preact/signals";
import type { Queries } from "./queries";
import { FileQueries } from "./file-queries";
import { readReport, type Report } from "./report-block";
import type { SeriesTable } from "./series";
import type { Link, Source } from "./source";
import type { Store } from "./store";

export class FileSource implements Source {
  readonly link = signal<Link>({ kind: "connecting" });
  readonly report = signal<Report | null>(null);
  private known: FileQueries | null = null;

  constructor(
    private readonly store: Store,
    private readonly block: string,
  ) {}

  get queries(): Queries {
    if (this.known === null) throw new Error("the report is not read yet");
    return this.known;
  }

  get wholeSeries(): SeriesTable | null {
    return this.known?.wholeSeries ?? null;
  }

  has(what: "samples" | "logs"): boolean {
    return (this.report.value?.[what] ?? null) !== null;
  }

  start(): void {
    readReport(this.block).then(
      (report) => this.take(report),
      (error: unknown) => (this.link.value = { kind: "broken", why: String((error as Error).message ?? error) }),
    );
  }

  private take(report: Report): void {
    this.known = new FileQueries(report);
    this.report.value = report;
    this.store.apply(report.hello);
    this.store.apply({ ...report.tick, points: [], first_second: 0 });
    this.store.firstKept.value = report.from;
    this.link.value = { kind: "file" };
  }

  beat(): void {}
  retryNow(): void {}
  setHidden(): void {}
}
