/* What a legend does to the lines it names. */

export type Values = (number | null)[];

/** Each line on top of those before it. */
export function stacked(lines: Values[]): Values[] {
  const sum: number[] = [];
  return lines.map((values) => values.map((value, i) => (value === null ? null : (sum[i] = (sum[i] ?? 0) + value))));
}

/** Which lines are off after a click on `label`. */
export function afterPick(labels: string[], hidden: readonly string[], label: string, isToggle: boolean): string[] {
  if (isToggle) {
    const next = hidden.includes(label) ? hidden.filter((other) => other !== label) : [...hidden, label];
    return next.length >= labels.length ? [] : next;
  }
  const isAlone = !hidden.includes(label) && hidden.length === labels.length - 1;
  return isAlone ? [] : labels.filter((other) => other !== label);
}

/** A label that comes again gets a number. */
export function distinct(labels: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return labels.map((label) => {
    const again = (seen.get(label) ?? 0) + 1;
    seen.set(label, again);
    return again > 1 ? `${label} (${again})` : label;
  });
}
