/* The knee in words, and the law that was fitted. Pure. */
import { msUnit, percent, rate } from "../../lib/format";
import type { Knee, Law } from "../../live/scenarios";

/** Iterations a second with so many users busy. */
export const doneWith = ({ lambda, sigma, kappa }: Law, n: number): number => (lambda * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));

const within = ({ per_s, low, high }: { per_s: number; low: number; high: number }): string => `${rate(per_s)}/s (${rate(low)} to ${rate(high)})`;

export function kneeWords({ knee, capacity, law, goodput }: Knee): string[] {
  return [
    ...(goodput ? [`Goodput of ${percent(goodput.least, 1)} % or more: ${goodput.per_s === null ? "on no level" : `up to ${rate(goodput.per_s)}/s (${percent(goodput.share ?? 0, 1)} % there)`}.`] : []),
    ...(knee === null ? [] : [`Knee: ${within(knee)}, with ${rate(knee.users)} users busy and ${msUnit(knee.ms)} an iteration. More load costs more than it brings.`]),
    ...(capacity === null ? [] : [`Capacity: ${within(capacity)}${capacity.is_measured ? "" : ", by the law alone: it was not reached"}.`]),
    ...(law === null ? [] : [`In brackets 95 % confidence; the law fits with R² ${law.fit.toFixed(3)}.`]),
  ];
}
