/* What a stored run has besides figures is told as a master tells it of its own run. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { Kept } from "../../src/live/kept";
import type { LogsAnswer, Sample } from "../../src/live/protocol";
import type { ReportMetrics } from "../../src/live/report-block";
import { Store } from "../../src/live/store";
import { StoredSource } from "../../src/live/stored-source";

const sample = (error: string | null): Sample => ({ error, at: 1 }) as unknown as Sample;
const lines = [[1, 100, "INFO", "root", "a"], [2, 101, "INFO", "root", "b"]] as unknown as LogsAnswer["lines"];
const counter = { metric: "sold", type: "counter", unit: "", tags: {}, count: 3, sum: 30 };
const metrics = { series: [counter], left_out: 0, courses: [{ step: 1, scale: 1, points: [[10, 1, null, 10], [11, 2, null, 20]] }] } as unknown as ReportMetrics;

const full = new Kept({
  scenarios: null, metrics, logs: { seq: 2, first: 1, dropped: 0, lines },
  samples: { left_out: 0, kinds: [["GET", "/a", "404", [sample("404")]], ["GET", "/a", null, [sample(null)]], ["GET", "/b", "x", [sample("check failed: fast: 3 s")]]] },
});
const empty = new Kept({ scenarios: null, metrics: null, samples: null, logs: null });

describe("a stored run", () => {
  test("has what was stored, and says what was not", () => {
    expect([full.has("samples"), full.has("logs"), full.seriesCount]).toEqual([true, true, 1]);
    expect([empty.has("samples"), empty.has("logs"), empty.seriesCount, empty.scenarios]).toEqual([false, false, 0, null]);
    expect([empty.metrics(null).series, empty.course({ metric: "sold", tags: {} }).points, empty.logs(0).lines, empty.samples({ row: 1 }, [], [[1, "GET", "/a"]])]).toEqual([[], [], [], []]);
  });

  test("counts in a range are those of its steps", () => {
    expect(full.metrics(null).series[0]!.sum).toBe(30);
    expect(full.metrics({ from: 11, to: 12 }).series[0]!.sum).toBe(20);
    expect(full.course({ metric: "sold", tags: {} }).points.map((point) => point[1])).toEqual([1, 2]);
  });

  test("samples are those of a failure, of a row, of a check", () => {
    const failures = [{ id: 5, method: "GET", name: "/a", text: "404", kind: "404" }] as never;
    expect(full.samples({ kind: 5 }, failures, [])).toHaveLength(1);
    expect(full.samples({ kind: 6 }, failures, [])).toHaveLength(0);
    expect(full.samples({ row: 1 }, [], [[1, "GET", "/a"]])[0]!.error).toBe(null);
    expect(full.samples({ check: "fast" }, [], [])).toHaveLength(1);
  });

  test("lines are those that came after one", () => {
    expect(full.logs(1).lines).toHaveLength(1);
  });
});

describe("a master that was too busy to tell of it", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("is asked again by whoever tries again", async () => {
    const { queries } = new StoredSource(new Store(), "runs/x/");
    vi.stubGlobal("document", { baseURI: "http://127.0.0.1/" });
    vi.stubGlobal("fetch", async () => new Response(`{"error": "busy"}`, { status: 429 }));
    await expect(queries.logs(0)).rejects.toThrow("busy");
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ scenarios: null, metrics: null, samples: null, logs: { seq: 2, first: 1, dropped: 0, lines } })));
    expect((await queries.logs(1)).lines).toHaveLength(1);
  });
});
