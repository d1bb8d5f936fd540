/* What the page says where it knows less than it seems, or where nothing is to be said. */
import { signal, type Signal } from "@preact/signals";
import { h, type FunctionComponent } from "preact";
import { beforeEach, expect, test } from "vitest";
import { ROW, ROW_WIDTH, type Point, type Sample, type Tick, type WorkerTuple, type Exception } from "../../src/live/protocol";
import type { Link } from "../../src/live/source";
import { tick } from "./messages";
import { fakeDocument, shown, type Shown } from "./shown";

fakeDocument();
const { source, store } = await import("../../src/app-state");
const { TimeBar } = await import("../../src/frame/time-bar");
const { TopBar } = await import("../../src/frame/top-bar");
const { isNarrow, roomOf } = await import("../../src/lib/narrow");
const { parseRoute, route } = await import("../../src/lib/route");
const { rateNow } = await import("../../src/live/rate-now");
const { StateBar } = await import("../../src/parts/state-bar");
const { timeMode } = await import("../../src/range/state");
const { chosenOf } = await import("../../src/parts/samples");
const { SampleView } = await import("../../src/parts/sample");
const { ExceptionList } = await import("../../src/screens/failures/exceptions");
const { isInCell } = await import("../../src/chart/cell");
const { COLUMNS, chosen, typeWidth } = await import("../../src/screens/endpoints/columns");
const { Charts } = await import("../../src/screens/live/charts");
const { NowTable } = await import("../../src/screens/workers/tables");
const { Tiles } = await import("../../src/screens/live/tiles");
const { LiveScreen } = await import("../../src/screens/live/live");
const { Verdict: OfWorkers } = await import("../../src/screens/workers/verdict");
const { asked } = await import("../../src/verdict/state");
const { Why } = await import("../../src/why/why");

const link = signal<Link>({ kind: "live" });
Object.defineProperty(source, "link", { value: link });

const total = (change: Partial<Record<keyof typeof ROW, number>>): number[] => {
  const all = new Array<number>(ROW_WIDTH).fill(0);
  for (const [name, value] of Object.entries(change)) all[ROW[name as keyof typeof ROW]] = value;
  return all;
};
const seconds = (from: number, to: number, values: readonly number[] = [10, 0, 20, 30, 40, 20, 4, 4]): Point[] =>
  Array.from({ length: to - from }, (_, i) => [from + i, ...values] as unknown as Point);
const worker = (index: number, state: string): WorkerTuple => [`vm_${index}`, index, state, 2, 40, 0, 0, true, 10, 5];

let boot = 0;
/** A run of its own for each test: the store is the page's. */
function run(change: Partial<Tick> = {}): void {
  store.release();
  store.apply(tick({ tick: ++boot, run: `r${boot}`, users: 4, target: 4, points: seconds(991, 1000), first_second: 991, ...change }));
}

/** As strict types have it, some components need no properties and may show nothing. */
const show = (component: FunctionComponent): Shown => shown(h(component, {}));
const tile = (name: string): string => show(Tiles).all(".tile").find((text) => text.startsWith(name)) ?? "";

beforeEach(() => {
  link.value = { kind: "live" };
  route.value = parseRoute("#/live");
  isNarrow.value = false;
});

const NOT_LIVE: Link[] = [{ kind: "connecting" }, { kind: "stale", since: 1 }, { kind: "lost", since: 1, retryAt: 2 }];

test("nothing is called live, or now, without a connection", () => {
  run();
  expect(show(TimeBar).all(".live-dot")).toEqual(["live"]);
  expect(tile("p95")).toContain("now");
  for (const one of NOT_LIVE) {
    link.value = one;
    expect(show(TimeBar).all(".live-dot")).toEqual([]);
    expect(tile("p95")).not.toContain("now");
  }
});

test("a range of a run that is over is a selection, and leads back to the whole run", () => {
  route.value = parseRoute("#/live?range=993-997");
  run();
  expect(show(TimeBar).text()).toMatch(/Back to live.*range, not live/);
  run({ state: "stopped", ended: 1000 });
  expect(show(TimeBar).text()).toMatch(/Whole run.*selection/);
  expect(show(TimeBar).text()).not.toMatch(/live/i);
});

test("moments are told as the times' choice says, of exceptions, samples and lost workers too", () => {
  run({ workers: [worker(0, "missing")] });
  const at = 964.25; // 26 s before the run began
  const sample = { at, method: "GET", url: "/", status: 500, worker: "vm_0", user: "U", request_headers: [], response_headers: [] } as unknown as Sample;
  const exception = { count: 1, message: "no", traceback: "x", nodes: "vm_0", first: at, last: 998.5 } as Exception;
  const said = (): string => shown(h(ExceptionList, { items: [exception] })).text() + shown(h(SampleView, { sample, isOpen: false })).text();
  timeMode.value = "utc";
  expect(said()).toMatch(/00:16:04 – 00:16:38.*00:16:04\.250/s);
  timeMode.value = "elapsed";
  expect(said()).toMatch(/−00:25 – 00:08.*−00:25\.750/s);
  timeMode.value = "local";
});

test("only what curl can send may be copied for it", () => {
  const copied = (method: string): boolean => shown(h(SampleView, { sample: { at: 964.25, method, url: "http://shop/", request_headers: [], response_headers: [] } as unknown as Sample, isOpen: true })).text().includes("Copy as curl");
  expect(["GET", "PURGE", "grpc", "grpc first", "WS", "LLM"].filter(copied)).toEqual(["GET", "PURGE"]);
});

test("the choice of the times' zone is named, on a phone too", () => {
  run();
  expect(show(TimeBar).all(".time-mode")[0]).toBe("Times:since startlocalUTC");
});

test("the first seconds have a rate: the mean since the start, or none that anybody could tell", () => {
  const young = total({ requests: 6, failures: 6, rps: 0, totalRps: 4 });
  expect(rateNow(young, 2)).toBe(4);
  expect(rateNow({ ...young, [ROW.totalRps]: 0, length: ROW_WIDTH } as unknown as number[], 0)).toBeNull();
  expect(rateNow(young, 60)).toBe(0); // a run that stands still does
  expect(rateNow(total({}), 1)).toBe(0); // nothing has finished
  expect(rateNow(total({ requests: 90, rps: 30, totalRps: 20 }), 3)).toBe(30);
  run({ started: 998, points: seconds(998, 1000), first_second: 998, total: young });
  expect(tile("Requests per second")).toContain("4.00");
  expect(show(TopBar).text()).toContain("req/s4.00");
});

test("after a reset the rate begins anew too", () => {
  run({ started: 100, points: seconds(999, 1000), first_second: 999, total: total({ requests: 6, totalRps: 3 }) });
  expect(tile("Requests per second")).toContain("3.00");
});

test("a panel that cannot have data is not there", () => {
  const titles = (): string[] => show(Charts).all("h2").map((text) => text.replace(/ .*/, ""));
  run();
  expect(titles()).toEqual(["Throughput", "Response", "Latency"]);
  const all = [10, 0, 20, 30, 40, 20, 4, 4, 20, 20, 20, 20, 0, 10, 0, 0, 0, 100, 100, 0, 0, 0, 0, 0, 1, 0, 1, 1];
  run({ points: seconds(991, 1000, all) });
  expect(titles()).toEqual(["Throughput", "Response", "Latency", "Status", "Data", "Phases", "Load"]);
});

test("requests without a time have none, not 0 ms", () => {
  run({ total: total({ requests: 200 }) });
  for (const name of ["p50", "p95", "p99"]) expect(tile(`${name} response time`)).toMatch(/time–/);
  const table = { rows: store.rows, total: total({ requests: 200 }) };
  for (const key of ["mean", "min", "max", "p50", "p95", "p999"]) expect(COLUMNS.find((column) => column.key === key)!.text(table, -1)).toBe("–");
});

test("a worker that is gone is said with its short name, once, and until somebody has read it", () => {
  const notice = "Worker vm_66df210123456789abcdef0123456789 is gone; up to 2 s are missing.";
  run({ notice, distributed: true, workers: [worker(0, "running"), worker(1, "missing")] });
  const bar = show(StateBar);
  expect(bar.text()).toBe("Worker vm_66df21 is gone; up to 2 s are missing.");
  bar.click("Dismiss");
  expect(show(StateBar).text()).toBe("");
  store.apply(tick({ ...store.run.value!, tick: ++boot, since: 1, notice: "Worker vm_3 is gone." }));
  expect(show(StateBar).text()).toContain("vm_3");
});

test("a measurement that lacks a worker is not called valid beside it", () => {
  const workers = [worker(0, "running"), worker(1, "running")];
  run({ distributed: true, workers, total: total({ requests: 200 }) });
  expect(tile("Workers")).toMatch(/2\/2✓ valid/);
  run({ distributed: true, workers: [workers[0]!, worker(1, "missing")], total: total({ requests: 200 }) });
  expect(tile("Workers")).toMatch(/1\/2▲ 1 gone/);
  expect(show(Tiles).all("span")).toContain("▲ 1 gone"); // by itself where the rest finds no room
  expect(tile("Workers")).not.toMatch(/valid/);
});

test("a worker that is very late is so in seconds, and what is the same of all workers is no column", () => {
  const late: WorkerTuple = [...worker(0, "running")];
  late[6] = 12_000;
  run({ distributed: true, workers: [late, worker(1, "running")] });
  const table = (): Shown => shown(h(NowTable, { workers: store.workers.value }));
  expect(table().all("td")).toContain("12 s");
  expect(table().all("th")).not.toContain("Kind");
  const other: WorkerTuple = [...worker(1, "running")];
  other[7] = false;
  run({ distributed: true, workers: [late, other] });
  expect(table().all("td")).toContain("Locust");
});

test("after the end the users are those of the peak, and no legend has a last second", () => {
  const peak = [...seconds(991, 995), ...seconds(995, 1000, [10, 0, 20, 30, 40, 20, 0, 4])];
  run({ points: peak, users: 0, state: "stopped", ended: 1000 });
  expect(tile("Users")).toBe("Users4at the peak");
  expect(show(Charts).all(".legend-value").join("")).toBe("");
  run();
  expect(show(Charts).all(".legend-value").join("")).not.toBe("");
});

test("each heading of times has its unit, and each column says what it is", () => {
  for (const { key, unit, title } of COLUMNS) {
    expect(title.length, key).toBeGreaterThan(10);
    if (/^(?:mean|min|max|p\d+|waitP\d+)$/.test(key)) expect(unit, key).toBe("ms");
  }
});

test("the table has the columns that find room beside a name; those that somebody asked for stay", () => {
  const keys = (room?: number): string[] => chosen(null, room).map((column) => column.key);
  const widthOf = (room: number): number => chosen(null, room).reduce((sum, column) => sum + column.minWidth, 54);
  expect(keys()).toContain("trend");
  for (const width of [720, 800, 900, 1024, 1099, 1100, 1200, 1280, 1440]) expect(widthOf(roomOf(width)), String(width)).toBeLessThanOrEqual(roomOf(width));
  expect(keys(roomOf(720))).toEqual(["method", "name", "requests", "failed", "p95", "p99"]);
  expect(keys(roomOf(1440))).toEqual(keys());
  expect(chosen("trend,p999", 300).map((column) => column.key)).toEqual(["method", "name", "p999", "trend"]);
});

test("the types of requests have room for the longest of them, and never that of a name", () => {
  expect(typeWidth(["GET", "WS"])).toBe(typeWidth([]));
  expect(typeWidth(["GET", "grpc first"])).toBeGreaterThanOrEqual(12 + 7 * "grpc first".length);
  expect(typeWidth(["x".repeat(500)])).toBe(130);
});

test("a cell of the heatmap has the requests that lie in it, however many newer ones lie elsewhere", () => {
  const sample = (at: number, time_ms: number | null): Sample => ({ at, time_ms }) as Sample;
  const cell = { from: 10, to: 11, low: 100, high: 200 };
  const newer = Array.from({ length: 9 }, (_, i) => sample(20 + i, 150));
  const inside = [sample(10.2, 100), sample(10.9, 199)];
  const outside = [sample(11, 150), sample(10.5, 200), sample(10.5, 99), sample(10.5, null)];
  const found = chosenOf([newer, [...inside, ...outside]], (one) => isInCell(cell, one));
  expect(found.map((one) => one.at)).toEqual([10.9, 10.2]);
  expect(chosenOf([newer, inside])).toHaveLength(5);
  expect(chosenOf([inside, inside], (one) => isInCell(cell, one))).toHaveLength(2); // slow, and failed
});

test("samples of a failure are shown with the newest first, in whatever order their workers told of them", () => {
  const all = [{ at: 7.024 }, { at: 7.142 }, { at: 6.181 }] as Sample[];
  expect(chosenOf([all]).map(({ at }) => at)).toEqual([7.142, 7.024, 6.181]);
  const slowest = [{ at: 1, time_ms: 90 }, { at: 2, time_ms: 50 }] as Sample[];
  expect(chosenOf([slowest], undefined, true)).toEqual(slowest);
});

test("what is not valid is said once on a screen, with its cause and what to do", () => {
  run({ total: total({ requests: 200 }) });
  (asked.answer as Signal<unknown>).value = { valid: false, invalid: [[992, 998, 0, "vm_0", "cpu"]], thresholds: [] };
  for (const screen of [LiveScreen, OfWorkers] as FunctionComponent[]) {
    const text = show(screen).text();
    for (const words of ["Not valid for", "its processor was at its limit", "may be ours", "Spread the users"]) expect(text.split(words).length - 1, words).toBe(1);
  }
  expect(show(Why).text()).not.toContain("No request failed");
  (asked.answer as Signal<unknown>).value = null;
});

test("why always says something, so that nothing below it moves when there is news", () => {
  const words = (change: Partial<Tick>): string => {
    run(change);
    return show(Why).text();
  };
  const silent = seconds(960, 1000, [0, 0, 0, 0, 0, 0, 4, 4]);
  expect(words({ started: 998, users: 3, target: 10 })).toMatch(/^No request has finished yet: users are starting, 3 of 10\./);
  expect(words({ started: 960, users: 10, target: 10, points: silent, first_second: 960 })).toMatch(/^No request has finished for 40 s, though 10 users run/);
  expect(words({ total: total({ requests: 200 }), points: [...seconds(930, 960), ...silent], first_second: 930 })).toMatch(/^No request has finished for 40 s, though 4 users run/);
  expect(words({ started: 997, points: seconds(997, 1000), first_second: 997, total: total({ requests: 9 }) })).toBe("The load has just begun.");
  expect(words({ total: total({ requests: 200 }) })).toMatch(/^No request failed, response times did not double/);
  expect(words({ state: "stopped", ended: 1000 })).toBe(""); // the row of state says it
  expect(show(StateBar).text()).toContain("No request was finished");
  route.value = parseRoute("#/live?range=993-997");
  expect(words({})).toBe("No request finished in this range.");
});
