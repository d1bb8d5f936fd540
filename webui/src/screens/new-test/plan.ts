/* The users a test is going to have, before it runs: corner points of the planned line. Pure. */
import type { TestForm } from "./form";
import type { Script } from "./script";

export interface Plan {
  points: [number, number][]; // seconds from the start, users
  isOpen: boolean; // goes on until somebody stops it
}

/** "90", "20s", "3m", "1h20m" in seconds; null when it is none of these. */
export function parseSpan(text: string): number | null {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return Number(trimmed);
  const found = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(trimmed);
  if (found === null || trimmed === "") return null;
  const [h, m, s] = [1, 2, 3].map((n) => Number(found[n] ?? 0));
  return h! * 3600 + m! * 60 + s!;
}

const TAIL = 0.35; // of the picture: how far an open end is drawn

/** null: it cannot be told. */
export function planOf(form: TestForm, script: Script): Plan | null {
  const shape = script.shape;
  if (shape !== null) return shape.plan === null || shape.plan.length === 0 ? null : { points: shape.plan, isOpen: false };
  const users = Number(form.users);
  const rate = Number(form.spawn_rate);
  if (!(users >= 1) || !(rate > 0)) return null;
  const full = users / rate;
  const end = parseSpan(form.run_time);
  if (end === null || end <= 0) {
    const tail = Math.max(full, 10) * (1 / (1 - TAIL) - 1);
    return { points: [[0, 0], [full, users], [full + tail, users]], isOpen: true };
  }
  if (end <= full) return { points: [[0, 0], [end, users * (end / full)]], isOpen: false };
  return { points: [[0, 0], [full, users], [end, users]], isOpen: false };
}
