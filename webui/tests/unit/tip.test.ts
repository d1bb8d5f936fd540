import { expect, test, vi } from "vitest";

vi.mock("../../src/range/time", () => ({ timeText: String }));
vi.mock("../../src/lib/route", async () => ({ route: { value: { query: {} } }, setQuery: () => undefined }));
const { eventsAt, indexOf, parsePin, tipRows } = await import("../../src/chart/tip");

test("the highest value comes first, and what was not measured is left out", () => {
  expect(tipRows([{ label: "p50", value: 20, text: "20" }, { label: "max", value: null, text: "–" }, { label: "p99", value: 90, text: "90" }]).map((row) => row.label)).toEqual(["p99", "p50"]);
});

test("marks of a step are told with it", () => {
  const events = [{ at: 99.2, kind: "start", text: "a" }, { at: 100.4, kind: "marker", text: "deploy v2" }, { at: 101, kind: "users", text: "c" }];
  expect(eventsAt(events, 100, 1).map((event) => event.text)).toEqual(["deploy v2"]);
});

test("a pinned moment is a second and a chart, and nothing else", () => {
  expect(parsePin("1700000000.latency")).toEqual({ second: 1_700_000_000, chart: "latency" });
  for (const text of [undefined, "", "12", "x.latency", "12.<b>"]) expect(parsePin(text)).toBeNull();
});

test("a moment lies in the step that covers it", () => {
  expect(indexOf([100, 110, 120], 10, 115)).toBe(1);
  expect(indexOf([100, 110, 120], 10, 99)).toBeNull();
  expect(indexOf([100, 110, 120], 10, 130)).toBeNull();
});
