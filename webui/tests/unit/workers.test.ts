import { expect, test } from "vitest";
import type { Worker } from "../../src/live/store";
import { advice, health, invalidSeconds, invalidWords, isSettled, limited, spansIn, untilTheEnd } from "../../src/live/health";
import type { InvalidSpan } from "../../src/live/judged";
import { extensionsOf, ownAddress } from "../../src/screens/extras/extensions";
import { Trails } from "../../src/screens/workers/trail";

const worker = (id: string, state: string, cpu: number): Worker => ({
  id, index: 0, state, users: 1, cpu, memory: 0, lag: null, isKatydid: true, requests: 0, rps: null, lagP99: null, fds: null, connections: null,
  cpuLimit: null, throttled: 0, starved: null, weight: null, clockError: null,
});

test("a worker that is gone was seen last when it was there", () => {
  const trails = new Trails();
  trails.add("a", 10, [worker("w", "running", 40)]);
  trails.add("a", 11, [worker("w", "missing", 40)]);
  expect(trails.of("w")).toEqual({ cpu: [40, null], seen: 10 });
  trails.add("b", 12, []);
  expect(trails.of("w").seen).toBe(0);
});

const NOBODY = new Map<number, string>();

test("one second says nothing: a worker is at its limit when the master says so, and for a moment after", () => {
  const late = { ...worker("w", "running", 99), lag: 250, cpuLimit: 0.5, throttled: 60 };
  expect(health(late, NOBODY)).toEqual({ tone: "pass", word: "running" });
  const spans: InvalidSpan[] = [[100, 110, 0, "a", "lag"], [50, 60, 1, "b", "cpu"], [100, 110, -1, "c", "lost"]];
  expect(health(late, limited(spans, 111))).toEqual({ tone: "warn", word: "late" });
  expect(health(late, limited([[100, 110, 0, "a", "starved"]], 111))).toEqual({ tone: "warn", word: "starved" });
  expect(health(late, limited(spans, 114)).tone).toBe("warn");
  expect(health(late, limited(spans, 116)).tone).toBe("pass");
  expect(health({ ...late, index: 1 }, limited(spans, 111)).tone).toBe("pass");
});

test("the verdict is of the range, and there is none in the first five seconds", () => {
  const spans: InvalidSpan[] = [[100, 110, 0, "a", "lag"], [104, 112, -1, "b", "lost"]];
  expect(spansIn(spans, 0, 100)).toEqual([]);
  expect(spansIn(spans, 105, 200)).toEqual(spans);
  expect([invalidSeconds(spans, 0, 200), invalidSeconds(spans, 105, 111), invalidSeconds(spans, 0, 100)]).toEqual([12, 6, 0]);
  expect(isSettled(100, 104)).toBe(false);
  expect(isSettled(100, 105)).toBe(true);
});

test("after the end of the run nothing is invalid any more", () => {
  expect(untilTheEnd([[100, 110, 0, "a", "lag"], [104, 106, 1, "b", "cpu"], [120, 125, 0, "a", "quota"]], 108)).toEqual([[100, 108, 0, "a", "lag"], [104, 106, 1, "b", "cpu"]]);
});

test("one sentence tells which worker, from when to when, and why: the longest first", () => {
  const spans: InvalidSpan[] = [[100, 103, 0, "a", "lag"], [104, 112, -1, "b", "lost"], [120, 125, 0, "a", "quota"]];
  expect(invalidWords(spans.slice(0, 1), String)).toBe("a from 100 to 103, its loop came late");
  expect(invalidWords(spans, String)).toBe("b from 104 to 112, nothing is known of it for that time; a from 120 to 125, its container held it back; and 1 more time");
});

test("what to do depends on the cause", () => {
  expect(advice(["cpu", "cpu"])).toMatch(/more workers/);
  expect(advice(["lag"])).toMatch(/busy with something else/);
  expect(advice(["lag"])).not.toMatch(/more workers/);
  expect(advice(["quota"])).toMatch(/container/);
  expect(advice(["starved"])).toMatch(/one of its own/);
});

test("a minute is kept", () => {
  const trails = new Trails();
  for (let now = 0; now < 200; now++) trails.add("a", now, [worker("w", "running", now)]);
  expect(trails.of("w").cpu).toHaveLength(60);
  expect(trails.of("w").cpu.at(-1)).toBe(199);
});

test("tabs name the tables, and files are of this master", () => {
  const made = extensionsOf({
    extended_tabs: [{ title: "Cache", key: "c" }],
    extended_tables: [{ key: "c", structure: [{ key: "hits", title: "Hits" }, 7] }, "nonsense"],
    extended_csv_files: [{ href: "/cache/csv", title: "Save" }, { href: "javascript:alert(1)", title: "x" }],
  }, "http://127.0.0.1:8089/base/");
  expect(made.tables).toEqual([{ key: "c", title: "Cache", columns: [{ key: "hits", title: "Hits" }] }]);
  expect(made.files).toEqual([{ href: "http://127.0.0.1:8089/base/cache/csv", title: "Save" }]);
  expect(extensionsOf({ extended_tables: "no" }, "http://x/")).toEqual({ tables: [], files: [] });
});

test("an address of another place is none", () => {
  for (const href of ["javascript:alert(1)", "https://evil.test/x", "data:text/html,x"]) expect(ownAddress(href, "http://127.0.0.1:8089/")).toBe(null);
  expect(ownAddress("//evil.test/x", "http://127.0.0.1:8089/")).toBe("http://127.0.0.1:8089/evil.test/x");
});
