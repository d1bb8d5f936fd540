/* Where the page has its numbers from: a master (live-source.ts) or a report file
 * (file-source.ts). Screens know only this. */
import type { ReadonlySignal } from "@preact/signals";
import type { Queries } from "./queries";

export type Link =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "stale"; since: number }
  | { kind: "lost"; since: number; retryAt: number }
  | { kind: "file" }
  | { kind: "broken"; why: string };

export interface Source {
  readonly link: ReadonlySignal<Link>;
  readonly queries: Queries;
  /** Whether there are requests or log lines to show: a file may have none. */
  has(what: "samples" | "logs"): boolean;
  start(): void;
  /** Called some times a second: everything that depends on time. */
  beat(): void;
  retryNow(): void;
  setHidden(isHidden: boolean): void;
}
