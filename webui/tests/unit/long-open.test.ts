/* A page may stay open for days: what it keeps of the run does not grow with it. */
import { expect, test } from "vitest";
import type { Point, Tick } from "../../src/live/protocol";
import { Store } from "../../src/live/store";
import { Trails } from "../../src/screens/workers/trail";
import { point, row, tick } from "./messages";

const HOUR = 3600;
const NAMES = 1000;
const SLOW_MS = 60_000; // a machine that is busy with other work
const END = 3 * HOUR + 60;
const CHANGED = 20; // rows of a tick: after a minute all have changed

/** How many values can be reached from here: those of arrays, maps and objects, and the room of typed arrays. */
function kept(root: unknown): number {
  const seen = new Set<unknown>();
  const open = [root];
  let count = 0;
  while (open.length > 0) {
    const one = open.pop();
    count++;
    if (typeof one !== "object" || one === null || seen.has(one)) continue;
    seen.add(one);
    if (ArrayBuffer.isView(one)) count += (one as Float64Array).length;
    else if (one instanceof Map) for (const pair of one) open.push(...pair);
    else for (const value of Object.values(one)) open.push(value);
  }
  return count;
}

const wide = (second: number): Point => [second, ...Array.from({ length: 28 }, (_, i) => second + i / 7)] as Point;

function at(second: number, change: Partial<Tick> = {}): Tick {
  return tick({
    tick: second, since: second - 1, now: second, points: Array.from({ length: 5 }, (_, i) => point(second - 5 + i, second)),
    rows: Array.from({ length: CHANGED }, (_, i) => row(1 + ((second * CHANGED + i) % NAMES), second)),
    workers: Array.from({ length: 3 }, (_, i) => [`w${i + Math.floor(second / 600)}`, i, "running", 1, 50, 1e6, 1, true, second, 1]), ...change,
  });
}

const first = (): Tick => at(HOUR, { since: 0, defs: Array.from({ length: NAMES }, (_, i) => [i + 1, "GET", `/item/${i}`]) });

/** What is kept after an hour and after two, of ticks that bring so many seconds. */
function after(store: Store, step: number): [number, number] {
  const trails = new Trails();
  const sizes: number[] = [];
  for (let second = HOUR; second <= END; second += step) {
    store.apply(second === HOUR ? first() : at(second));
    trails.add("b1", second, store.workers.value);
    if (second % 2 === 0) store.applySeries({ boot: "b1", run: "r1", points: [5, 4, 3, 2, 1].map((ago) => wide(second - ago)) });
    if (second === 2 * HOUR + 60 || second === END) sizes.push(kept([store, trails]));
  }
  return sizes as [number, number];
}

test("of a run that goes on for hours", () => {
  const store = new Store();
  const [hour, two] = after(store, 2); // 3,600 ticks
  expect(two).toBe(hour);
  expect([store.series.length, store.series.seconds.at(-1), store.rows.length]).toEqual([HOUR, END - 1, NAMES]);
}, SLOW_MS);

test("of the seconds, from the first of them on", () => {
  const store = new Store();
  store.apply(first());
  const minute = kept(store.series);
  for (let second = HOUR + 1; second <= END; second++) store.series.set(wide(second));
  expect(kept(store.series)).toBe(minute);
}, SLOW_MS);

test("of a view that stands still", () => {
  const store = new Store();
  store.apply(first());
  store.freeze();
  const [hour, two] = after(store, 5);
  expect(two).toBe(hour);
  store.thaw();
  expect([store.series.length, store.series.seconds.at(-1)]).toEqual([HOUR, END - 1]);
}, SLOW_MS);

test("of a master that waits until the run of the one before it is released", () => {
  const store = new Store();
  store.apply(tick({ boot: "b0", run: "r0" }));
  const [hour, two] = after(store, 5);
  expect([two, store.isHeld.value]).toEqual([hour, true]);
  store.release();
  expect([store.series.length, store.rows.length]).toEqual([HOUR, NAMES]);
}, SLOW_MS);
