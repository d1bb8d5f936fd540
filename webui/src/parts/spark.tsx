/* A line of the last minute without axes, as decoration of a tile: hidden from assistive
 * technology, which has the number beside it. */
import type { JSX } from "preact";

const WIDTH = 100;
const HEIGHT = 28;

export function Spark(props: { values: (number | null)[]; tone: string }): JSX.Element | null {
  const known = props.values.filter((value): value is number => value !== null);
  if (known.length < 2) return <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true" />;
  const most = Math.max(...known, 1e-9);
  const step = WIDTH / (props.values.length - 1);
  let path = "";
  let isPen = false;
  props.values.forEach((value, i) => {
    if (value === null) {
      isPen = false;
      return;
    }
    const y = HEIGHT - 2 - (value / most) * (HEIGHT - 4);
    path += `${isPen ? "L" : "M"}${(i * step).toFixed(1)} ${y.toFixed(1)}`;
    isPen = true;
  });
  return (
    <svg class={`spark ${props.tone}`} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}
