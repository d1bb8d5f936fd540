/* One range rules the page. It is part of the address: `range=15m` (the last fifteen minutes),
 * `all`, `steady` (since the users were complete for the first time) or `FROM-TO` in unix seconds,
 * the fixed range that a brush makes. Everything here is pure or a signal; fetching is in data.ts. */

export type Range =
  | { kind: "last"; seconds: number }
  | { kind: "all" }
  | { kind: "steady" }
  | { kind: "fixed"; from: number; to: number };

/** from is meant, to is the first second that is not. */
export interface Span {
  from: number;
  to: number;
}

export const LIVE_RANGES: readonly [string, string][] = [["5m", "5m"], ["15m", "15m"], ["1h", "1h"], ["all", "All"]];
export const DEFAULT_RANGE = "15m";
const SHORTEST_S = 2;
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600 };

export function parseRange(text: string | undefined): Range {
  if (text === "all") return { kind: "all" };
  if (text === "steady") return { kind: "steady" };
  const last = /^(\d{1,4})([smh])$/.exec(text ?? "");
  if (last && Number(last[1]) > 0) return { kind: "last", seconds: Number(last[1]) * UNITS[last[2]!]! };
  const fixed = /^(\d{1,12})-(\d{1,12})$/.exec(text ?? "");
  if (fixed && Number(fixed[2]) > Number(fixed[1])) return { kind: "fixed", from: Number(fixed[1]), to: Number(fixed[2]) };
  return parseRange(DEFAULT_RANGE);
}

export function formatFixed(span: Span): string {
  return `${Math.floor(span.from)}-${Math.ceil(span.to)}`;
}

/** Whole seconds, in order, not shorter than two, inside the run. */
export function tidy(span: Span, run: Span): Span {
  const low = Math.floor(Math.min(span.from, span.to));
  const high = Math.ceil(Math.max(span.from, span.to));
  const from = Math.max(run.from, Math.min(low, run.to - SHORTEST_S));
  return { from, to: Math.min(Math.max(high, from + SHORTEST_S), Math.max(run.to, from + SHORTEST_S)) };
}

/** Which seconds a range means in a run of which `run` is known. */
export function spanOf(range: Range, run: Span, steadyFrom: number | null): Span {
  switch (range.kind) {
    case "fixed": return { from: range.from, to: range.to };
    case "all": return run;
    case "steady": return { from: Math.min(steadyFrom ?? run.from, run.to), to: run.to };
    case "last": return { from: Math.max(run.from, run.to - range.seconds), to: run.to };
  }
}

/** Half of its length to the left (-1) or right (1), as far as the run goes. */
export function panned(span: Span, direction: -1 | 1, run: Span): Span {
  const length = span.to - span.from;
  const wanted = direction * Math.max(1, Math.round(length / 2));
  const shift = direction < 0 ? Math.max(wanted, run.from - span.from) : Math.min(wanted, run.to - span.to);
  return { from: span.from + shift, to: span.to + shift };
}

/** Half or twice as long, around `center`. */
export function zoomed(span: Span, factor: number, center: number, run: Span): Span {
  const part = (center - span.from) / Math.max(1, span.to - span.from);
  const length = Math.max(SHORTEST_S, Math.round((span.to - span.from) * factor));
  const from = Math.round(center - part * length);
  return tidy({ from, to: from + length }, run);
}

/** Seconds until a course over `length` seconds is worth asking for again: `least` doubled while a step
 * is longer. A length that grows with the run changes it seldom, and with it the beats counted by it. */
export function courseBeat(length: number, least: number, steps: number): number {
  return least * 2 ** Math.max(0, Math.floor(Math.log2(length / (steps * least))));
}

/** The second from which on all wanted users ran, for the first time. */
export function steadyStart(seconds: ArrayLike<number>, users: ArrayLike<number | null>, target: ArrayLike<number | null>): number | null {
  for (let i = 0; i < seconds.length; i++) {
    const wanted = target[i] ?? 0;
    if (wanted > 0 && (users[i] ?? 0) >= wanted) return seconds[i]!;
  }
  return null;
}
