/* The two lanes of the band, and how they are painted: what is in a lane has one scale, so that a failure is
 * as high there as a request. */
import { POINT } from "../live/protocol";
import type { SeriesView } from "../live/series";

type Pen = Pick<CanvasRenderingContext2D, "fillStyle" | "strokeStyle" | "lineWidth" | "beginPath" | "moveTo" | "lineTo" | "fill" | "stroke" | "setLineDash">;

/** Users with their plan above, requests with those that failed below: each lane has one scale. */
export interface Lane {
  areas: { values: readonly (number | null)[]; fill: string }[];
  line?: { values: readonly (number | null)[]; stroke: string };
  top: number;
}

function most(...lists: readonly (readonly (number | null)[])[]): number {
  let max = 0;
  for (const values of lists) for (const value of values) if (value !== null && value > max) max = value;
  return max;
}

export function lanesOf(column: (index: number) => readonly (number | null)[], hasPlan = true): [Lane, Lane] {
  const [users, target, rps, failed] = [column(POINT.users), column(POINT.target), column(POINT.rps), column(POINT.failRps)];
  return [
    { areas: [{ values: users, fill: "--strip-users" }], ...(hasPlan ? { line: { values: target, stroke: "--muted" } } : {}), top: hasPlan ? most(users, target) : most(users) },
    { areas: [{ values: rps, fill: "--ok-solid" }, { values: failed, fill: "--failed" }], top: most(rps, failed) },
  ];
}

/** No more steps than there are places for: of those that share one the highest is seen. A silence is nothing. */
export function coarse(view: SeriesView, places: number): SeriesView {
  if (view.x.length <= places || places < 1) return view;
  const first = view.x[0]!;
  const step = (view.x.at(-1)! + view.step - first) / places;
  const column = (index: number): number[] => {
    const highest = new Array<number>(places).fill(0);
    view.column(index).forEach((value, i) => {
      const at = Math.min(places - 1, Math.floor((view.x[i]! - first) / step));
      highest[at] = Math.max(highest[at]!, value ?? 0);
    });
    return highest;
  };
  return { x: Array.from({ length: places }, (_, i) => first + i * step), step, column };
}

export interface Place {
  y: number;
  height: number;
  x: (second: number) => number;
}

export function paintLane(pen: Pen, lane: Lane, view: SeriesView, place: Place, colour: (name: string) => string): void {
  if (lane.top === 0 || view.x.length === 0) return;
  const { x } = place;
  const bottom = place.y + place.height;
  const y = (value: number): number => bottom - (value / lane.top) * place.height;
  const walk = (values: readonly (number | null)[]): void => view.x.forEach((second, i) => {
    const at = y(values[i] ?? 0);
    pen.lineTo(x(second), at);
    pen.lineTo(x(second + view.step), at);
  });
  for (const area of lane.areas) {
    pen.fillStyle = colour(area.fill);
    pen.beginPath();
    pen.moveTo(x(view.x[0]!), bottom);
    walk(area.values);
    pen.lineTo(x(view.x.at(-1)! + view.step), bottom);
    pen.fill();
  }
  if (lane.line === undefined) return;
  pen.strokeStyle = colour(lane.line.stroke);
  pen.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  pen.lineWidth = devicePixelRatio;
  pen.beginPath();
  pen.moveTo(x(view.x[0]!), y(lane.line.values[0] ?? 0));
  walk(lane.line.values);
  pen.stroke();
  pen.setLineDash([]);
}
