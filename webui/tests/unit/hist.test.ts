import { describe, expect, it } from "vitest";
import { HistRule, Histogram } from "../../src/stats/hist";

const rule = new HistRule(7);

/** The bucket of a number of microseconds, found by its bounds. */
function bucketOf(us: number): number {
  let [low, high] = [0, 1 << 14];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rule.bounds(middle).low <= us) low = middle;
    else high = middle;
  }
  return low;
}

function sparse(values: number[]): number[] {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(bucketOf(value), (counts.get(bucketOf(value)) ?? 0) + 1);
  let before = -1;
  return [...counts].sort((a, b) => a[0] - b[0]).flatMap(([bucket, count]) => {
    const pair = [bucket - before - 1, count];
    before = bucket;
    return pair;
  });
}

describe("buckets", () => {
  it("follow each other without a hole, two of width one, then doubling", () => {
    for (let b = 0; b < 3000; b++) {
      const { low, width } = rule.bounds(b);
      expect(rule.bounds(b + 1).low).toBe(low + width);
    }
    expect([rule.bounds(127).width, rule.bounds(255).width, rule.bounds(256).width, rule.bounds(384).width]).toEqual([1, 1, 2, 4]);
  });
  it("are at most one part in 128 wide", () => {
    for (let b = 256; b < 3000; b += 7) expect(rule.bounds(b).width / rule.bounds(b).low).toBeLessThanOrEqual(1 / 128);
  });
});

describe("merging", () => {
  const all = Array.from({ length: 2000 }, (_, i) => 100 + i * i);
  const [odd, even] = [all.filter((_, i) => i % 2), all.filter((_, i) => i % 2 === 0)];
  it("gives the percentiles of all samples together", () => {
    const merged = new Histogram(rule).add(sparse(odd)).add(sparse(even));
    expect(merged.total).toBe(2000);
    for (const q of [0.5, 0.9, 0.95, 0.99, 0.999]) {
      const exact = all[Math.ceil(q * all.length) - 1]!;
      expect(Math.abs(merged.percentile(q, all[0]!, all.at(-1)!)! - exact) / exact).toBeLessThan(0.01);
    }
  });
  it("keeps percentiles within the fastest and the slowest", () => {
    const one = new Histogram(rule).add(sparse([1001]));
    expect([one.percentile(0.5, 1001, 1001), one.percentile(1, 1001, 1001)]).toEqual([1001, 1001]);
  });
  it("has no percentile of nothing", () => {
    expect(new Histogram(rule).add(null).percentile(0.5, 0, 0)).toBeNull();
    expect(new Histogram(rule).confidence(0.5)).toEqual([null, null]);
  });
  it("is surer of the middle than of the tail, and surer with more samples", () => {
    const few = new Histogram(rule).add(sparse(odd.slice(0, 100)));
    const many = new Histogram(rule).add(sparse(all));
    const width = (h: Histogram, q: number): number => {
      const [low, high] = h.confidence(q).map((share) => h.percentile(share!, 0, 1e9)!) as [number, number];
      return (high - low) / h.percentile(q, 0, 1e9)!;
    };
    expect(width(many, 0.5)).toBeLessThan(width(few, 0.5));
    const [low, high] = many.confidence(0.95) as [number, number];
    expect([low < 0.95, high > 0.95]).toEqual([true, true]);
  });
  it("has no bound where too few samples are beyond", () => {
    const few = new Histogram(rule).add(sparse(odd.slice(0, 10)));
    expect(few.confidence(0.95)[1]).toBeNull();
  });
  it("grows for slow answers", () => {
    const slow = new Histogram(rule).add(sparse([3_600_000_000]));
    expect(Math.abs(slow.percentile(0.5, 0, 1e12)! - 3.6e9) / 3.6e9).toBeLessThan(0.01);
  });
});
