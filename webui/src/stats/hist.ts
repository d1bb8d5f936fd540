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

  /** Between which shares percentile q lies with 95 % confidence, from the ranks that a binomial count allows; null: there are
   * too few samples for a bound. */
  confidence(q: number): [number | null, number | null] {
    const n = this.total;
    const spread = 1.96 * Math.sqrt(n * q * (1 - q));
    const [low, high] = [Math.floor(n * q - spread), Math.ceil(n * q + spread) + 1];
    return [low >= 1 ? low / n : null, n > 0 && high <= n ? high / n : null];
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
