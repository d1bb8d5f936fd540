/* The users a test is going to have, before it runs: corner points of the planned line. Pure. */
import type { TestForm } from "./form";
import type { Script } from "./script";

export interface Plan {
  points: [number, number][]; // seconds from the start, users
  isOpen: boolean; // goes on until somebody stops it
  stages: [number, number][]; // where a stage of a load shape begins, and its users; empty without
}

/** From that second on, so many users, reached by so many a second; the last one is the end. */
export type Step = [second: number, users: number, rate: number];

/** "90", "20s", "3m", "1h20m" in seconds; null when it is none of these. */
export function parseSpan(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return Number(trimmed);
  const found = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(trimmed);
  if (found === null || trimmed === "") return null;
  const [h, m, s] = [1, 2, 3].map((n) => Number(found[n] ?? 0));
  return h! * 3600 + m! * 60 + s!;
}

export const isCount = (text: string): boolean => /^\d+$/.test(text.trim());
export const isRate = (text: string): boolean => text.trim() !== "" && Number(text) > 0 && Number.isFinite(Number(text));

/** Users go to each step's number at its rate and stay: steps, not slopes from one to the next. */
export function planOfSteps(steps: readonly Step[]): Plan {
  const end = steps.at(-1)![0];
  const points: [number, number][] = [[0, 0]];
  let users = 0;
  steps.slice(0, -1).forEach(([at, wanted, rate], i) => {
    const until = steps[i + 1]![0];
    const full = rate > 0 ? at + Math.abs(wanted - users) / rate : at;
    if (at > 0) points.push([at, users]);
    if (full < until) {
      users = wanted;
      points.push([full, users]);
    } else users += Math.sign(wanted - users) * rate * (until - at);
  });
  points.push([end, users]);
  return { points, isOpen: false, stages: steps.slice(0, -1).map(([at, wanted]) => [at, wanted]) };
}

const TAIL = 0.35; // of the picture: how far an open end is drawn

/** null: it cannot be told. */
export function planOf(form: TestForm, script: Script): Plan | null {
  const shape = script.shape;
  if (shape !== null) return shape.plan === null || shape.plan.length === 0 ? null : planOfSteps(shape.plan);
  const users = Number(form.users);
  const rate = Number(form.spawn_rate);
  if (!(users >= 1) || !(rate > 0)) return null;
  const full = users / rate;
  const end = parseSpan(form.run_time);
  if (end === null && form.run_time.trim() !== "") return null;
  const plan = (points: [number, number][], isOpen: boolean): Plan => ({ points, isOpen, stages: [] });
  if (end === null || end <= 0) {
    const tail = Math.max(full, 10) * (1 / (1 - TAIL) - 1);
    return plan([[0, 0], [full, users], [full + tail, users]], true);
  }
  if (end <= full) return plan([[0, 0], [end, users * (end / full)]], false);
  return plan([[0, 0], [full, users], [end, users]], false);
}
