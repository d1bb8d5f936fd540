/* What this page has seen of every worker: its processor over the last minute, and when it was
 * there last. The master tells the present only. */
import { isConnected, type Worker } from "../../live/store";

const SECONDS = 60;

export interface Trail {
  cpu: (number | null)[];
  /** The tick that saw it connected last, in unix seconds; 0: none. */
  seen: number;
}

export class Trails {
  private boot = "";
  private readonly trails = new Map<string, Trail>();

  add(boot: string, now: number, workers: readonly Worker[]): void {
    if (boot !== this.boot) this.trails.clear(); // ids may come again at another master
    this.boot = boot;
    for (const worker of workers) {
      const trail = this.trails.get(worker.id) ?? { cpu: [], seen: 0 };
      trail.cpu = [...trail.cpu, isConnected(worker) ? worker.cpu : null].slice(-SECONDS);
      if (isConnected(worker)) trail.seen = now;
      this.trails.set(worker.id, trail);
    }
  }

  of(id: string): Trail {
    return this.trails.get(id) ?? { cpu: [], seen: 0 };
  }
}
