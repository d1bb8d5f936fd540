/* A distribution as bars of equal width on a logarithmic scale. */
import type { DistributionAnswer } from "../live/protocol";

const BARS = 80;

export interface Bars {
  /** log10 of the left edge of each bar, and of the end. */
  edges: number[];
  ok: number[];
  failed: number[];
}

export function barsOf(buckets: DistributionAnswer["buckets"], bars = BARS): Bars {
  const log = (value: number): number => Math.log10(Math.max(value, 1e-3));
  const known = buckets.filter(([, , ok, failed]) => ok + failed > 0);
  if (known.length === 0) return { edges: [], ok: [], failed: [] };
  const low = log(known[0]![0]);
  const high = Math.max(log(known.at(-1)![1]), low + 0.05);
  const width = (high - low) / bars;
  const out: Bars = { edges: Array.from({ length: bars + 1 }, (_, i) => low + i * width), ok: new Array<number>(bars).fill(0), failed: new Array<number>(bars).fill(0) };
  for (const [from, to, ok, failed] of known) {
    const [a, b] = [log(from), Math.max(log(to), log(from) + 1e-9)];
    const first = Math.max(0, Math.min(bars - 1, Math.floor((a - low) / width)));
    const last = Math.max(first, Math.min(bars - 1, Math.ceil((b - low) / width) - 1));
    for (let i = first; i <= last; i++) {
      const inside = first === last ? 1 : Math.max(0, Math.min(b, low + (i + 1) * width) - Math.max(a, low + i * width)) / (b - a);
      out.ok[i]! += ok * inside;
      out.failed[i]! += failed * inside;
    }
  }
  return out;
}

/** Ticks at 1, 2, 5, 10 … of a logarithmic axis whose values are exponents. */
export function logSplits(low: number, high: number): number[] {
  const decades = high - low;
  const factors = decades > 3 ? [1] : decades > 1.4 ? [1, 3] : decades > 0.6 ? [1, 2, 5] : [1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9];
  const out: number[] = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++)
    for (const factor of factors) {
      const at = power + Math.log10(factor);
      if (at >= low - 1e-9 && at <= high + 1e-9) out.push(at);
    }
  return out;
}

/** Where a percentile of the whole population lies, of a chart up to `top`; high null: it goes on beyond that, or
 * the samples do not say how far. null: nothing is known, or nothing of it lies in the chart. */
export function barOf(bounds: readonly [number | null, number | null] | undefined, top = Infinity): { low: number; high: number | null } | null {
  if (bounds === undefined || bounds[0] === null || bounds[0] > top) return null;
  return { low: bounds[0], high: bounds[1] !== null && bounds[1] > top ? null : bounds[1] };
}
