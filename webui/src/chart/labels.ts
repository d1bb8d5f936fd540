/* The labels of an axis: every tick has its own, all of them in one unit and with as many digits. Pure. */
export type Kind = "rate" | "ms" | "bytes" | "percent" | "count";

const UNITS: Record<Kind, readonly [number, string][]> = {
  rate: [[1, ""]], count: [[1, ""]], percent: [[1, " %"]],
  ms: [[1000, " s"], [1, ""]],
  bytes: [[1e9, " GB"], [1e6, " MB"], [1e3, " kB"], [1, " B"]],
};
const FROM: Partial<Record<Kind, number>> = { ms: 10 }; // seconds from 10 s on, as everywhere on the page
const MOST_DIGITS = 4;
const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** The least number of digits after the point that keeps these apart. */
function digitsOf(values: readonly number[]): number {
  for (let digits = 0; digits < MOST_DIGITS; digits++) {
    const scale = 10 ** digits;
    if (values.every((value) => Math.abs(value * scale - Math.round(value * scale)) < 1e-6 * Math.max(1, Math.abs(value * scale)))) return digits;
  }
  return MOST_DIGITS;
}

export function labelsOf(ticks: readonly number[], kind: Kind): string[] {
  const most = Math.max(...ticks.map(Math.abs), 0);
  const units = UNITS[kind];
  const [scale, unit] = units.find(([size]) => most >= size * (size > 1 ? FROM[kind] ?? 1 : 1)) ?? units.at(-1)!;
  const values = ticks.map((tick) => tick / scale);
  const digits = digitsOf(values);
  return values.map((value) => (value === 0 ? "0" : `${digits === 0 ? GROUPED.format(value) : value.toFixed(digits)}${unit}`));
}

/** Steps that an axis may take: of what is counted there are no halves. */
export function stepsOf(kind: Kind): number[] | undefined {
  if (kind !== "count" && kind !== "bytes") return undefined;
  return Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();
}
