import { expect, test } from "vitest";
import type { Worker } from "../../src/live/store";
import { health } from "../../src/live/health";
import { extensionsOf, ownAddress } from "../../src/screens/extras/extensions";
import { Trails } from "../../src/screens/workers/trail";

const worker = (id: string, state: string, cpu: number): Worker => ({
  id, index: 0, state, users: 1, cpu, memory: 0, lag: null, isKatydid: true, requests: 0, rps: null, lagP99: null, fds: null, connections: null,
  cpuLimit: null, throttled: 0,
});

test("a worker that is gone was seen last when it was there", () => {
  const trails = new Trails();
  trails.add("a", 10, [worker("w", "running", 40)]);
  trails.add("a", 11, [worker("w", "missing", 40)]);
  expect(trails.of("w")).toEqual({ cpu: [40, null], seen: 10 });
  trails.add("b", 12, []);
  expect(trails.of("w").seen).toBe(0);
});

test("a worker at the limit of its container is not idle", () => {
  const idle = worker("w", "running", 5);
  expect(health(idle).tone).toBe("pass");
  expect(health({ ...idle, cpuLimit: 0.05 })).toEqual({ tone: "warn", word: "throttled" });
  expect(health({ ...idle, cpuLimit: 0.5, throttled: 60 })).toEqual({ tone: "warn", word: "throttled" });
  expect(health({ ...idle, cpuLimit: 0.5, throttled: 3 }).tone).toBe("pass");
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
