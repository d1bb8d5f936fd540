/* What a ping of the target brought. Pure. */
import { msUnit } from "../../lib/format";
import type { Tone } from "../../parts/status";

export interface Pong {
  ok: boolean;
  status?: number;
  time_ms?: number;
  trouble?: string;
}

/** What a server that is well says of an address without a path, when it serves an API. */
const CALM = [401, 403, 404, 405];

/** "200 in 3 ms", "refused": how the answer reads; null when there is nothing to say. */
export function pongWords(pong: Pong): { tone: Tone; text: string } | null {
  if (!pong.ok) return null;
  if (pong.trouble !== undefined) return { tone: "fail", text: pong.trouble };
  if (pong.status === undefined) return null;
  const isCalm = CALM.includes(pong.status);
  return { tone: pong.status < 400 || isCalm ? "pass" : "warn", text: `${isCalm ? `answers (${pong.status})` : pong.status} in ${msUnit(pong.time_ms)}` };
}
