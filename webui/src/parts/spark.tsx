/* A line of the last minute without axes, as decoration of a tile: hidden from assistive
 * technology, which has the number beside it. */
import type { JSX } from "preact";

const WIDTH = 100;
const HEIGHT = 28;

/** "" when there are too few values for a line. */
function pathOf(values: readonly (number | null)[]): string {
  let most = 1e-9;
  let known = 0;
  for (const value of values) {
    if (value === null) continue;
    known++;
    if (value > most) most = value;
  }
  if (known < 2) return "";
  const step = WIDTH / (values.length - 1);
  let path = "";
  let isPen = false;
  values.forEach((value, i) => {
    if (value === null) {
      isPen = false;
      return;
    }
    const y = HEIGHT - 2 - (value / most) * (HEIGHT - 4);
    path += `${isPen ? "L" : "M"}${(i * step).toFixed(1)} ${y.toFixed(1)}`;
    isPen = true;
  });
  return path;
}

/** The elements are the same with and without a line: tables change thirty of these at once. */
export function Spark(props: { values: readonly (number | null)[]; tone: string }): JSX.Element {
  return (
    <svg class={`spark ${props.tone}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={pathOf(props.values)} />
    </svg>
  );
}
