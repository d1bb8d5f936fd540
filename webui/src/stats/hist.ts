/* Histograms of the report file, merged in the page: buckets of microseconds whose width doubles
 * with each octave (docs/api.md, "The report file"). Percentiles are never averaged: windows are
 * added up first, and the percentile is read from the sum. */

/** Pairs [gap, count, …] as the report holds them. */
export type Sparse = readonly number[];

export interface Bounds {
  low: number;
  width: number;
}

export class HistRule {
  constructor(private readonly subBits: number) {}

  /** The microseconds that bucket b covers: low … low + width - 1. */
  bounds(b: number): Bounds {
    const sub = 1 << this.subBits;
    const octave = b >> this.subBits;
    const step = b & (sub - 1);
    const width = octave < 2 ? 1 : 2 ** (octave - 1);
    return { low: octave === 0 ? step : (sub + step) * 2 ** (octave - 1), width };
  }

  value(b: number): number {
    const { low, width } = this.bounds(b);
    return low + Math.floor(width / 2);
  }
}

const FIRST_SIZE = 1024;
/** 10 % of 300 is 30, and not the next whole number after 30.000000000000004. */
const EXACT = 1 - 1e-12;

/** A sum of histograms: counts by bucket, with the span of buckets that hold any. */
export class Histogram {
  counts = new Float64Array(FIRST_SIZE);
  total = 0;
  first = Infinity;
  last = -1;

  constructor(private readonly rule: HistRule) {}

  add(sparse: Sparse | null | undefined): this {
    if (!sparse) return this;
    let bucket = -1;
    for (let i = 0; i + 1 < sparse.length; i += 2) {
      bucket += sparse[i]! + 1;
      this.put(bucket, sparse[i + 1]!);
    }
    return this;
  }

  put(bucket: number, count: number): void {
    if (bucket >= this.counts.length) {
      const grown = new Float64Array(Math.max(this.counts.length * 2, bucket + 1));
      grown.set(this.counts);
      this.counts = grown;
    }
    this.counts[bucket]! += count;
    this.total += count;
    if (bucket < this.first) this.first = bucket;
    if (bucket > this.last) this.last = bucket;
  }

  /** Microseconds; null without samples. q in 0 … 1; the answer is kept within min and max. */
  percentile(q: number, min: number, max: number): number | null {
    if (this.total === 0) return null;
    return Math.min(max, Math.max(min, this.rule.value(this.bucketOfRank(Math.ceil(q * this.total * EXACT)))));
  }

  private bucketOfRank(rank: number): number {
    let left = Math.max(1, rank);
    for (let b = this.first; b <= this.last; b++) {
      left -= this.counts[b]!;
      if (left <= 0) return b;
    }
    return this.last;
  }

  /** Between which values percentile q lies with 95 % confidence, from the ranks' own spread. */
  confidence(q: number, min: number, max: number): [number, number] | null {
    if (this.total === 0) return null;
    const spread = 1.96 * Math.sqrt(this.total * q * (1 - q));
    const at = (rank: number): number => {
      const inside = Math.min(this.total, Math.max(1, rank));
      return Math.min(max, Math.max(min, this.rule.value(this.bucketOfRank(inside))));
    };
    return [at(Math.floor(q * this.total - spread)), at(Math.ceil(q * this.total + spread))];
  }

  /** Calls `use` for each bucket that holds something. */
  each(use: (low: number, width: number, count: number, bucket: number) => void): void {
    for (let b = this.first; b <= this.last; b++) {
      const count = this.counts[b]!;
      if (count === 0) continue;
      const { low, width } = this.rule.bounds(b);
      use(low, width, count, b);
    }
  }
}

/** The percentiles of the curve: dense where the tail is. */
export const CURVE_QUANTILES: readonly number[] = [
  0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9,
  0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.992, 0.995, 0.997, 0.998, 0.999, 0.9993, 0.9995, 0.9998,
  0.9999, 0.99995, 0.99999,
];
