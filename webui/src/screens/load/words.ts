/* Why starts were late and arrivals dropped, in words: the one is the generator's doing, the other the target's, the
 * throttle's, or too few users. Pure. */
import { count, msUnit, percent, rate } from "../../lib/format";
import type { Scenario } from "../../live/scenarios";

export interface Remark {
  tone: "info" | "warn" | "fail" | "pass";
  text: string;
}

/** One start in a thousand is late on any machine that is used. */
export const isLate = (of: Scenario): boolean => of.late["10"] * 1000 > of.started;

const some = (n: number, all: number): string => `${count(n)} of ${count(all)} (${percent(n, all)} %)`;

export function droppedWords(of: Scenario): Remark | null {
  if (of.dropped === 0) return null;
  const what = `${some(of.dropped, of.due)} were dropped: `;
  if (!of.is_open) return { tone: "fail", text: `${what}the time of the scenario was over before they were started.` };
  const place = of.max_waiting > 0 ? ` and ${count(of.max_waiting)} waited already` : "";
  const whose = of.is_of_all ? "no user was free" : `no virtual user was free, ${of.max_users === 1 ? "the only one was" : `all ${count(of.max_users)} were`} busy`;
  if (typeof of.throttle === "number") return { tone: "fail", text: `${what}${whose}${place}. Users wait for its throttle of ${rate(of.throttle)} requests a second; if that lets enough pass, the target took longer than so many users can bear at this rate.` };
  return { tone: "fail", text: `${what}${whose}${place}. The target took longer than so many users can bear at this rate: it has not been given the load of the plan. More ${of.is_of_all ? "users" : "max_users"} would give it.` };
}

/** Whether all users were busy at some time, as far as that can be seen. */
const wasFull = (of: Scenario): boolean => of.dropped > 0 || of.waiting > 0 || (of.max_users > 0 && of.users >= of.max_users && !of.is_of_all);

export function lateWords(of: Scenario, isSaturated: boolean): Remark | null {
  if (!of.is_open || of.start_delay === null) return null;
  const late = of.late["10"];
  if (late === 0) return { tone: "pass", text: `Every start was within 10 ms of its time; the latest ${msUnit(of.start_delay.max)} after it.` };
  const what = `${some(late, of.started)} started more than 10 ms after their time, the latest ${msUnit(of.start_delay.max)}: `;
  if (!isLate(of)) return { tone: "pass", text: `${what}less than one in a thousand.` };
  const waits = of.on_busy !== "drop";
  if (isSaturated && waits && wasFull(of)) return { tone: "warn", text: `${what}the generator was at its limit, and arrivals waited for a free virtual user. Workers tells when.` };
  if (isSaturated) return { tone: "warn", text: `${what}the generator was at its limit. Workers tells when and why.` };
  if (!waits) return { tone: "warn", text: `${what}the generator was late. Nothing waits for a free user here.` };
  if (wasFull(of)) return { tone: "warn", text: `${what}they waited for a free virtual user, as all were busy. Their corrected times have the wait in them.` };
  return { tone: "warn", text: `${what}the generator was late, or users had to be made first. Give the scenario more users to begin with, or the workers more processor.` };
}

export const remarksOf = (of: Scenario, isSaturated: boolean): Remark[] => [droppedWords(of), lateWords(of, isSaturated)].filter((one) => one !== null);
