import { expect, test, vi } from "vitest";
import { coarse, lanesOf, paintLane } from "../../src/frame/lanes";
import { POINT } from "../../src/live/protocol";
import type { SeriesView } from "../../src/live/series";

vi.stubGlobal("devicePixelRatio", 1);

/** Two seconds with 1,000 requests each, 6 of which fail; 40 users of 50 that are planned. */
const VALUES: Record<number, number[]> = { [POINT.rps]: [1000, 1000], [POINT.failRps]: [6, 6], [POINT.users]: [40, 40], [POINT.target]: [50, 50] };
const view: SeriesView = { x: [0, 1], step: 1, column: (index) => VALUES[index]! };

/** How high each colour is painted, of a lane of 100 px. */
function heights(lane: number): Record<string, number> {
  const found: Record<string, number> = {};
  let colour = "";
  const up = (_: number, y: number): void => void (found[colour] = Math.max(found[colour] ?? 0, 100 - y));
  const pen = {
    lineWidth: 0, beginPath: () => undefined, fill: () => undefined, stroke: () => undefined, setLineDash: () => undefined, moveTo: up, lineTo: up,
    set fillStyle(name: string) { colour = name; }, set strokeStyle(name: string) { colour = name; },
  };
  paintLane(pen, lanesOf(view.column)[lane]!, view, { y: 0, height: 100, x: (second) => second }, (name) => name);
  return found;
}

test("a failure is as high in the band as a request: 6 of 1,000 are no outage", () => {
  const { "--ok-solid": requests, "--failed": failed } = heights(1);
  expect(requests).toBe(100);
  expect(failed).toBeCloseTo(0.6);
});

test("users lie below their plan, on its scale, and requests have nothing to do with it", () => {
  expect(heights(0)).toEqual({ "--strip-users": 80, "--muted": 100 });
  VALUES[POINT.rps] = [5, 5];
  VALUES[POINT.failRps] = [5, 0];
  expect(heights(0)).toEqual({ "--strip-users": 80, "--muted": 100 });
  expect(heights(1)).toEqual({ "--ok-solid": 100, "--failed": 100 });
});

test("nothing measured paints nothing", () => {
  for (const column of [POINT.rps, POINT.failRps]) VALUES[column] = [0, 0];
  expect(heights(1)).toEqual({});
});

test("a day of seconds is painted by its pixels: each as high as its highest second, a silence as nothing", () => {
  const x = Array.from({ length: 86_400 }, (_, i) => (i < 40_000 ? i : i + 20_000));
  const rps = x.map((second) => (second === 777 ? 50 : second === 80_000 ? null : 4));
  const day: SeriesView = { x, step: 1, column: () => rps };
  const seen = coarse(day, 1000);
  const values = seen.column(POINT.rps) as number[];
  expect([seen.x.length, values.length]).toEqual([1000, 1000]);
  expect(seen.x.at(-1)! + seen.step).toBeCloseTo(106_400);
  expect(values.indexOf(50)).toBe(Math.floor(777 / seen.step));
  expect(values.slice(Math.ceil(40_000 / seen.step), Math.floor(60_000 / seen.step)).every((value) => value === 0)).toBe(true);
  expect(values.filter((value) => value === 4).length).toBeGreaterThan(800);
  expect(coarse(day, Infinity)).toBe(day); // nobody knows how wide it is yet
  expect(coarse(view, 1000)).toBe(view);
});
