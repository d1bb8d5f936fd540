/* What a tick may cost, as counts: how much of the history is read again, and whether what is drawn counts as new. */
import { batch, signal } from "@preact/signals";
import { h } from "preact";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { InvalidSpan } from "../../src/live/judged";
import { POINT_WIDTH, type Point } from "../../src/live/protocol";
import { RowTable } from "../../src/live/rows";
import { SeriesTable, type SeriesView } from "../../src/live/series";
import type { Link } from "../../src/live/source";
import { row, tick } from "./messages";
import { fakeDocument, mounted } from "./shown";

vi.setConfig({ testTimeout: 60_000 }); // a day of points, on a busy machine

vi.mock("preact/hooks", async (original) => ({ ...(await original<typeof import("preact/hooks")>()), useEffect: () => undefined })); // there is no canvas
fakeDocument();
const { source, store } = await import("../../src/app-state");
const { TimeBar } = await import("../../src/frame/time-bar");
const { parseRoute, route } = await import("../../src/lib/route");
const { chartView } = await import("../../src/range/data");
const { LiveScreen } = await import("../../src/screens/live/live");
const { invalid } = await import("../../src/verdict/state");

const DAY = 86_400;
const MINUTE_MS = 60_000; // counting reads takes long on a busy machine
const START = 960_000; // what is drawn in steps begins a new one here, and not within the ticks of a test
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** Points of the history that were read: the table's when it is cut, and the cut one's. */
let read = 0;
function counted(values: readonly (number | null)[]): never[] {
  return new Proxy(values, {
    get(target, key) {
      if (typeof key === "string" && /^\d/.test(key)) read++;
      return Reflect.get(target, key) as unknown;
    },
  }) as never[];
}

class CountedTable extends SeriesTable {
  override view(from: number, to: number): SeriesView {
    const view = super.view(from, to);
    read += view.x.length;
    const made = new Map<number, never[]>();
    const column = (index: number): never[] => {
      if (!made.has(index)) {
        made.set(index, counted(view.column(index)));
        read += view.x.length;
      }
      return made.get(index)!;
    };
    return { x: counted(view.x), step: view.step, column };
  }
}

const point = (second: number): Point => [second, ...new Array<number>(POINT_WIDTH - 1).fill(7)] as unknown as Point;
function tableOf(from: number, to: number): SeriesTable {
  const table = new CountedTable(to - from, 1);
  for (let at = from; at < to; at++) table.set(point(at));
  return table;
}

const spans: InvalidSpan[] = [[START - 50, START - 40, 0, "w1", "cpu"]];
const asked = { verdict: 0 };
const queries = {
  series: async ({ from, to }: { from: number; to: number }) => tableOf(from, to),
  verdict: async () => (asked.verdict++, { over: false, passed: true, failed: 0, valid: false, fail_on_invalid: false, reasons: "", since: 0, until: 0, thresholds: [], invalid: spans.map((span) => [...span]) }),
  events: async () => [],
  failures: async () => [],
  failuresOver: async () => ({ failures: [] }),
  heatmap: async () => ({ from: START - DAY, step: 120, bounds_ms: [1, 2], cells: [], max: 0 }),
  range: () => new Promise(() => undefined),
};
Object.defineProperty(source, "queries", { value: queries });
Object.defineProperty(source, "link", { value: signal<Link>({ kind: "live" }) });

const ROWS = 10;
let number = 0;
/** A tick of a run that began `age` seconds before START. */
function second(now: number, age: number): void {
  number++;
  batch(() => store.apply(tick({
    tick: number, run: `age${age}`, now, started: START - age, first_second: 1, timeline: { first: START - age, bytes: 0, limit: 0 }, points: [point(now - 2), point(now - 1)], failures: [1, 9], verdict: { thresholds: 1, failed: 0 },
    defs: Array.from({ length: ROWS }, (_, i) => [i + 1, "GET", `/${i}`]), rows: Array.from({ length: ROWS }, (_, i) => row(i + 1, now)),
  })));
}

let leave: () => void = () => undefined;
beforeEach(() => {
  spans.length = 1;
  spans[0]![1] = START - 40;
});
afterEach(() => {
  leave();
  vi.restoreAllMocks();
});
function open(hash: string): void {
  route.value = parseRoute(hash);
  leave = mounted(h("div", {}, h(TimeBar, {}), h(LiveScreen, {})));
}

test("a tick of a run of a day reads a few points of it, and nothing drawn is new until a step of it is", async () => {
  second(START + 2, DAY);
  open("#/live?range=all");
  await settled();
  second(START + 3, DAY);
  expect(chartView.value.x.length).toBeGreaterThan(DAY - 100);
  const [view, shades, verdicts] = [chartView.value, invalid.value, asked.verdict];
  read = 0;
  for (let n = 4; n < 34; n++) {
    second(START + n, DAY);
    await settled();
    expect(chartView.value).toBe(view);
    expect(invalid.value).toBe(shades);
  }
  expect(asked.verdict).toBeGreaterThan(verdicts); // it was told anew, and was no news
  expect(read / 30).toBeLessThan(1000);
}, MINUTE_MS);

test("a span that goes on is drawn", async () => {
  second(START + 2, DAY);
  await settled();
  const shades = invalid.value;
  spans[0]![1] = START + 9;
  second(START + 10, DAY);
  await settled();
  expect(invalid.value).not.toBe(shades);
  expect(invalid.value[0]![1]).toBe(START + 9);
});

test("why a run is as it is is looked for every five seconds, in a range that moves with each tick too", async () => {
  second(START + 2, 1800);
  open("#/live?range=5m");
  await settled();
  const gets = vi.spyOn(RowTable.prototype, "get");
  for (let n = 5; n < 25; n++) {
    second(START + n, 1800);
    await settled();
  }
  expect(gets.mock.calls.length).toBeGreaterThan(0);
  expect(gets.mock.calls.length).toBeLessThanOrEqual(10 * 3 * ROWS); // and with each answer about failures, as often
});
