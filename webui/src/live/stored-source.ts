/* A stored run: the master answers the same questions of it as of its own run, and nothing changes. */
import { batch, signal } from "@preact/signals";
import { askJson } from "./ask";
import { HttpFigures } from "./figures";
import type { Hello, Tick } from "./protocol";
import type { Link, Source } from "./source";
import type { Store } from "./store";

export class StoredSource implements Source {
  readonly link = signal<Link>({ kind: "connecting" });
  readonly figures: HttpFigures;

  /** below: the address of the run below api/v1/. */
  constructor(private readonly store: Store, private readonly below: string) {
    this.figures = new HttpFigures((path, signal) => askJson(below + path, signal));
  }

  /** Neither log lines nor samples are stored. */
  has(): boolean {
    return false;
  }

  start(): void {
    void this.load();
  }

  private async load(): Promise<void> {
    this.link.value = { kind: "connecting" };
    try {
      const hello = await askJson<Hello>(`${this.below}state`);
      const tick = await askJson<Tick>(`${this.below}live`);
      batch(() => {
        this.store.apply(hello);
        this.store.apply(tick);
        this.link.value = { kind: "live" };
      });
    } catch (error) {
      this.link.value = { kind: "broken", why: String((error as Error).message ?? error) };
    }
  }

  beat(): void {}

  retryNow(): void {
    if (this.link.value.kind === "broken") void this.load();
  }

  setHidden(): void {}
}
