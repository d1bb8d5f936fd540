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
  private trails = new Map<string, Trail>();

  add(boot: string, now: number, workers: readonly Worker[]): void {
    const before = boot === this.boot ? this.trails : new Map<string, Trail>(); // ids may come again at another master
    this.boot = boot;
    this.trails = new Map(workers.map((worker) => {
      const { cpu, seen } = before.get(worker.id) ?? { cpu: [], seen: 0 };
      const isThere = isConnected(worker);
      return [worker.id, { cpu: [...cpu, isThere ? worker.cpu : null].slice(-SECONDS), seen: isThere ? now : seen }];
    }));
  }

  of(id: string): Trail {
    return this.trails.get(id) ?? { cpu: [], seen: 0 };
  }
}
