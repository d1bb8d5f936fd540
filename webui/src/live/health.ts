/* Is a worker fit to measure? Its own processor and loop decide whether a slow answer was slow at
 * the server or only noticed late by us. */
import type { Tone } from "../parts/status";
import { isConnected, type Worker } from "./store";

const CPU_LIMIT_PERCENT = 90;
const LAG_LIMIT_MS = 30;
const THROTTLED_LIMIT_PERCENT = 20;

export function health(worker: Worker): { tone: Tone; word: string } {
  if (!isConnected(worker)) return { tone: "fail", word: worker.state };
  const share = worker.cpuLimit === null ? 0 : (worker.cpu ?? 0) / worker.cpuLimit;
  if (worker.throttled >= THROTTLED_LIMIT_PERCENT || share >= CPU_LIMIT_PERCENT) return { tone: "warn", word: "throttled" };
  const isBusy = (worker.cpu ?? 0) >= CPU_LIMIT_PERCENT;
  const isLate = (worker.lag ?? 0) >= LAG_LIMIT_MS;
  if (isBusy || isLate) return { tone: "warn", word: isBusy ? "hot" : "late" };
  if (worker.state === "running") return { tone: "pass", word: worker.state };
  return { tone: worker.state === "spawning" ? "info" : "idle", word: worker.state };
}
