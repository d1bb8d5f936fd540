/* What becomes of the users when a load is edited, in words. Pure. */
import { count, timespan } from "./format";
import type { RunFields } from "../live/protocol";

/** From the users that run now, not from none. */
export function rampWords(now: number, users: string, rate: string): string {
  const [wanted, perSecond] = [Number(users), Number(rate)];
  const seconds = Math.abs(wanted - now) / perSecond;
  if (users.trim() === "" || !(wanted >= 0) || !Number.isFinite(seconds)) return "Users started or ended per second.";
  if (wanted === now) return `No change: ${count(now)} ${now === 1 ? "user runs" : "users run"}.`;
  const what = wanted > now ? `${count(wanted - now)} more` : `${count(now - wanted)} fewer`;
  return seconds <= 1 ? `${what}, within a second.` : `${what}, after ${timespan(Math.ceil(seconds))}.`;
}

/** The words for a state; users that become fewer are not being spawned. */
export function stateWord(run: Pick<RunFields, "state" | "users" | "target" | "scenarios" | "setup" | "teardown">): string {
  if (run.setup) return "setting up";
  if (run.teardown) return "tearing down";
  return run.state === "spawning" && run.users > run.target && !run.scenarios ? "ramping down" : run.state;
}
