/* The last values of a threshold against its limit: decoration of a row that has both as text. */
import type { JSX } from "preact";

const WIDTH = 120;
const HEIGHT = 32;
const EDGE = 3;
const FAR = 4; // a limit so many times above the values is at the upper edge

export interface SparkShape {
  path: string;
  limitY: number;
}

/** The limit is part of the picture; values far below it stay visible: then it is at the edge. */
export function sparkShape(values: readonly (number | null)[], limit: number): SparkShape {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  const most = Math.max(...known);
  const near = known.length > 0 && most > 0 ? Math.min(limit, most * FAR) : limit;
  const [least, top] = [Math.min(...known, near), Math.max(...known, near)];
  const height = top > least ? top - least : 1;
  const y = (value: number): number => HEIGHT - EDGE - ((Math.min(value, top) - least) / height) * (HEIGHT - 2 * EDGE);
  const step = values.length > 1 ? WIDTH / (values.length - 1) : 0;
  let path = "";
  let isPen = false;
  values.forEach((value, i) => {
    if (value === null || !Number.isFinite(value)) return void (isPen = false);
    path += `${isPen ? "L" : "M"}${(i * step).toFixed(1)} ${y(value).toFixed(1)}`;
    isPen = true;
  });
  return { path: known.length > 1 ? path : "", limitY: Math.max(EDGE, Math.min(HEIGHT - EDGE, y(limit))) };
}

export function LimitSpark({ values, limit, isBroken }: { values: readonly (number | null)[]; limit: number; isBroken: boolean }): JSX.Element {
  const { path, limitY } = sparkShape(values, limit);
  return (
    <svg class={`gate-spark${isBroken ? " broken" : ""}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="limit" d={`M0 ${limitY.toFixed(1)}H${WIDTH}`} />
      <path class="value" d={path} />
    </svg>
  );
}
