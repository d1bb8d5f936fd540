/* A stored run: the master answers the same questions of it as of its own run, and nothing changes. What it has besides
 * figures is one answer (kept.ts), which comes after them. */
import { batch, signal } from "@preact/signals";
import { askJson } from "./ask";
import { HttpQueries, type SamplesAsk } from "./queries";
import type { CourseAnswer, CourseOf, MetricsAnswer } from "./judged";
import type { Kept } from "./kept";
import type { Hello, LogsAnswer, Sample, Tick } from "./protocol";
import type { ScenariosAnswer } from "./scenarios";
import type { Link, Source } from "./source";
import type { Store } from "./store";

class StoredQueries extends HttpQueries {
  private reading: Promise<Kept> | null = null;
  defs: Tick["defs"] = [];
  /** Its whole seconds. */
  span: [number, number] = [0, Infinity];

  constructor(private readonly below: string) {
    super((path, signal) => askJson(below + path, signal));
  }

  kept(): Promise<Kept> {
    this.reading ??= import("./kept").then(({ Kept }) => Kept.read((path) => askJson(this.below + path))).catch((error: unknown) => {
      this.reading = null; // whoever tries again asks again
      throw error;
    });
    return this.reading;
  }

  override async metrics(range: { from: number; to: number } | null): Promise<MetricsAnswer> {
    const isAll = range === null || (range.from <= this.span[0] && range.to >= this.span[1]);
    return (await this.kept()).metrics(isAll ? null : range);
  }

  override async course(of: CourseOf, _from: number, _to: number, _signal?: AbortSignal, above?: number): Promise<CourseAnswer> {
    return (await this.kept()).course(of, above);
  }

  override async scenarios(): Promise<ScenariosAnswer | null> {
    return (await this.kept()).scenarios;
  }

  override async samples(ask: SamplesAsk, signal?: AbortSignal): Promise<Sample[]> {
    const failures = "kind" in ask ? await this.failures(this.span[0], this.span[1], signal) : [];
    return (await this.kept()).samples(ask, failures, this.defs);
  }

  override async logs(since: number): Promise<LogsAnswer> {
    return (await this.kept()).logs(since);
  }
}

export class StoredSource implements Source {
  readonly link = signal<Link>({ kind: "connecting" });
  readonly queries: StoredQueries;
  private readonly kept = signal<Kept | null>(null);

  /** below: the address of the run below api/v1/. */
  constructor(private readonly store: Store, private readonly below: string) {
    this.queries = new StoredQueries(below);
  }

  has(what: "samples" | "logs"): boolean {
    return this.kept.value?.has(what) ?? false;
  }

  start(): void {
    void this.load();
  }

  private async load(): Promise<void> {
    this.link.value = { kind: "connecting" };
    try {
      const hello = await askJson<Hello>(`${this.below}state`);
      const tick = await askJson<Tick>(`${this.below}live`);
      this.queries.defs = tick.defs;
      batch(() => {
        this.store.apply(hello);
        this.store.apply(tick);
        this.link.value = { kind: "live" };
      });
      const run = this.store.run.value;
      if (run !== null) this.queries.span = [Math.floor(run.started), Math.ceil(run.ended)];
    } catch (error) {
      this.link.value = { kind: "broken", why: String((error as Error).message ?? error) };
      return;
    }
    const kept = await this.queries.kept().catch(() => null); // whoever asks for a part of it is told why
    if (kept === null) return;
    batch(() => {
      this.kept.value = kept;
      this.store.seriesCount.value = kept.seriesCount;
    });
  }

  beat(): void {}

  retryNow(): void {
    if (this.link.value.kind === "broken") void this.load();
  }

  setHidden(): void {}
}
