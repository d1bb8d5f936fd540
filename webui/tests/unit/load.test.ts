import { expect, test } from "vitest";
import { FileMetrics } from "../../src/live/file-metrics";
import type { CourseAnswer, CoursePoint } from "../../src/live/judged";
import type { Scenario, Stage } from "../../src/live/scenarios";
import api from "../../../docs/openapi.json";
import { HistRule } from "../../src/stats/hist";
import { areaUntil, horizonOf, levelAt, levelWords, meanLevel, niceAbove, pictureOf, rowsLeft, scaleOf, stagesFrom, stagesText, STARTS, startsView } from "../../src/screens/load/plan-of";
import { bendsOf } from "../../src/screens/new-test/plan-picture";
import { doneWith, kneeWords } from "../../src/screens/load/knee-of";
import { droppedWords, lateWords } from "../../src/screens/load/words";

function scenario(stages: Stage[], more: Partial<Scenario> = {}): Scenario {
  const isEndless = stages.some(([length]) => length === null);
  return {
    name: "buy", executor: "ramping-arrival-rate", class: "Buyer", task: null, plan: "", text: "", is_open: true, is_of_all: false, is_paused: false, begins_s: 0,
    length_s: isEndless ? null : stages.reduce((sum, [length]) => sum + length!, 0), stages, at_once: [], on_busy: "grow", max_users: 10, max_waiting: 5, level: 0, rate: 0,
    due: 100, started: 100, dropped: 0, cut: 0, repeated: 0, interrupted: 0, lost: 0, users: 0, waiting: 0, late: { "1": 0, "10": 0, "100": 0 },
    start_delay: { count: 100, mean: 1, p50: 1, p95: 1, p99: 1, max: 5 }, ...more,
  };
}

const RAMP = scenario([[10, 0, 20], [0, 20, 5], [null, 5, 5]], { begins_s: 3 });
const course = (points: number[][], step = 1): CourseAnswer => ({ step, points: points as CoursePoint[] });
const counter = (pairs: [number, number][]): CourseAnswer => course(pairs.map(([second, sum]) => [second, 1, 0, sum]));
const NONE = course([]);

test("a plan is the integral of its stages: ramps are slopes, steps are steps, the last one may have no end", () => {
  expect(areaUntil(RAMP, 0)).toBe(0);
  expect(areaUntil(RAMP, 5)).toBeCloseTo(25);
  expect(areaUntil(RAMP, 10)).toBeCloseTo(100);
  expect(areaUntil(RAMP, 14)).toBeCloseTo(120);
  expect(meanLevel(RAMP, 2, 3)).toBe(0); // it has not begun
  expect(meanLevel(RAMP, 3, 4)).toBeCloseTo(1);
  expect(meanLevel(RAMP, 14, 15)).toBeCloseTo(5);
  expect(meanLevel(RAMP, 14, 15, 14.5)).toBeCloseTo(2.5); // the run was over in the middle of it
  expect(areaUntil(scenario([[5, 2, 2]]), 9)).toBe(10);
});

test("arrivals at once are of the plan as well", () => {
  const burst = scenario([[4, 0, 0]], { at_once: [[2, 50]], begins_s: 1 });
  expect([2, 2.5, 9].map((at) => areaUntil(burst, at))).toEqual([0, 50, 50]);
  expect([meanLevel(burst, 2, 3), meanLevel(burst, 3, 4)]).toEqual([0, 50]);
});

test("what the API says of a scenario is what the page knows of one", () => {
  const every: Required<Scenario> = { ...scenario([]), arrivals: 1, iterations: 1, throttle: null, on_busy: "grow", busy: 0, most_waiting: 0, most_users: 0,
    knee: { state: "", why: "", level: 0, levels: [], capacity: null, knee: null, law: null } };
  const said = api.paths["/api/v1/scenarios"].get.responses["200"].content["application/json"].schema.properties.scenarios.items.properties;
  expect(Object.keys(every).sort()).toEqual(Object.keys(said).sort());
});

test("pictures of several plans have one time axis", () => {
  expect(horizonOf([scenario([[60, 1, 1]]), scenario([[20, 1, 1]], { begins_s: 30 })])).toBe(60);
  expect(horizonOf([RAMP])).toBe(20);
  expect(horizonOf([scenario([[null, 1, 1]])])).toBeGreaterThan(10);
  expect(pictureOf(RAMP, 20)).toEqual({ points: [[0, 0], [3, 0], [3, 0], [13, 20], [13, 20], [13, 5], [13, 5], [20, 5]], isOpen: true, stages: [] });
  expect(pictureOf(scenario([[5, 2, 2]]), 60).points.slice(-2)).toEqual([[5, 0], [60, 0]]);
});

test("a level is in the words of what it counts", () => {
  expect([20, 0.5, 2.25].map(levelWords(RAMP))).toEqual(["20/s", "0.50/s", "2.25/s"]);
  expect([1, 1500].map(levelWords(scenario([], { is_open: false })))).toEqual(["1 user", "1,500 users"]);
});

test("what was started stands beside the plan of the same second, and silence is 0", () => {
  const flat = scenario([[null, 10, 10]]);
  const delay = course([[100, 8, 0, 0, 0, 0, 0, 1, 1, 1, 1, 3], [103, 5, 0, 0, 0, 0, 0, 1, 1, 1, 1, 5]]);
  const view = startsView(flat, { started: counter([[100, 8], [103, 5]]), dropped: counter([[101, 4]]), delay }, { begun: 100.2, elapsed: 3.8, from: 90, to: 110 });
  expect(view.x).toEqual([100, 101, 102, 103]);
  expect(view.column(STARTS.plan).map((value) => Number(value!.toFixed(6)))).toEqual([8, 10, 10, 10]);
  expect(view.column(STARTS.started)).toEqual([8, 0, 0, 5]);
  expect(view.column(STARTS.late)).toEqual([3, 0, 0, 5]);
  expect(view.column(STARTS.dropped)).toEqual([0, 4, 0, 0]);
});

test("seconds of which nobody has told yet are not drawn as empty, a standstill is", () => {
  const flat = scenario([[null, 10, 10]]);
  const at = (elapsed: number) => startsView(flat, { started: NONE, dropped: NONE, delay: course([[100, 10], [101, 10]]) }, { begun: 100, elapsed, from: 100, to: 200 });
  expect(at(4).x.at(-1)).toBe(101);
  expect(at(30).x.at(-1)).toBe(129);
  expect(at(30).column(STARTS.started).slice(2).every((value) => value === 0)).toBe(true);
});

test("of steps of several seconds the mean is drawn", () => {
  const view = startsView(scenario([[null, 10, 10]]), { started: NONE, dropped: counter([[101, 5]]), delay: course([[100, 50], [105, 25]], 5) }, { begun: 100, elapsed: 10, from: 100, to: 110 });
  expect(view.step).toBe(5);
  expect(view.column(STARTS.started)).toEqual([10, 5]);
  expect(view.column(STARTS.dropped)).toEqual([1, 0]);
  expect(startsView(RAMP, { started: NONE, dropped: NONE, delay: NONE }, { begun: 100, elapsed: 2, from: 100, to: 110 }).x).toEqual([]);
});

test("what was dropped had no free user; a late start is the generator's or waited for one", () => {
  expect(droppedWords(RAMP)).toBeNull();
  expect(droppedWords({ ...RAMP, dropped: 5, throttle: 30 })!.text).toMatch(/wait for its throttle of 30/);
  expect(droppedWords(scenario([], { due: 200, dropped: 50 }))!.text).toMatch(/^50 of 200 \(25.0 %\) were dropped: no virtual user was free, all 10 were busy and 5 waited already\./);
  expect(droppedWords(scenario([], { is_open: false, dropped: 3 }))!.text).toContain("the time of the scenario was over");
  const late = { late: { "1": 9, "10": 7, "100": 1 } };
  expect(lateWords(RAMP, false)).toMatchObject({ tone: "pass" });
  expect(lateWords(scenario([], { due: 9000, started: 9000, ...late }), false)).toMatchObject({ tone: "pass", text: expect.stringMatching(/^7 of 9,000 .*in a thousand/) });
  expect(lateWords(scenario([], { ...late, on_busy: "drop" }), false)!.text).toMatch(/^7 of 100 .*the generator was late\. Nothing waits/);
  expect(lateWords(scenario([], { ...late, users: 10 }), false)!.text).toContain("waited for a free virtual user");
  expect(lateWords(scenario([], { ...late, users: 3 }), false)!.text).toContain("the generator was late, or users had to be made");
  expect(lateWords(scenario([], { ...late, on_busy: "drop" }), true)!.text).toContain("the generator was at its limit");
  expect(lateWords(scenario([], { is_open: false }), false)).toBeNull();
  expect(lateWords(scenario([], { start_delay: null }), false)).toBeNull();
});

test("a report counts values above a limit from its histograms", () => {
  const points = [[100, 3, null, 0, 0, 0, null, 1, 1, 1, 1, [5, 2, 994, 1], []], [101, 1, null, 0, 0, 0, null, 1, 1, 1, 1, [2, 1], []]];
  const series = { metric: "start_delay", type: "trend" as const, unit: "ms", tags: { scenario: "buy" }, other: false, count: 4 };
  const file = new FileMetrics({ series: [series], left_out: 0, courses: [{ scale: 1, step: 1, points }] }, new HistRule(7));
  expect(file.course(series, 10).points.map((point) => [point.length, point[11]])).toEqual([[12, 1], [12, 0]]);
  expect(file.course(series).points.map((point) => point.length)).toEqual([11, 11]);
});

test("a slider has the level of the plan, and room above it", () => {
  expect([2, 3, 8, 12.9, 13, 99].map((moment) => Number(levelAt(RAMP, moment).toFixed(3)))).toEqual([0, 0, 10, 19.8, 5, 5]);
  expect(levelAt(scenario([[5, 2, 2]]), 5)).toBe(0);
  expect(scaleOf(RAMP)).toEqual({ max: 50, step: 0.5 });
  expect(scaleOf(scenario([[9, 0.02, 0.02]]))).toEqual({ max: 0.05, step: 0.0005 });
  expect(scaleOf(scenario([[9, 3, 3]], { is_open: false }))).toEqual({ max: 10, step: 1 });
  expect(scaleOf(scenario([[9, 700, 700]], { is_open: false }))).toEqual({ max: 2000, step: 10 });
  expect([1, 1.5, 2, 30, 0.3, 100].map(niceAbove)).toEqual([1, 2, 2, 50, 0.5, 100]);
});

test("what is left of the stages can be edited, and is written as the master reads it", () => {
  expect(stagesFrom(RAMP, 8)).toEqual([[5, 10, 20], [0, 20, 5], [null, 5, 5]]);
  expect(stagesFrom(RAMP, 13)).toEqual([[null, 5, 5]]);
  expect(stagesFrom(RAMP, 0)).toEqual([[10, 0, 20], [0, 20, 5], [null, 5, 5]]);
  expect(stagesFrom(scenario([[5, 2, 2]]), 9)).toEqual([]);
  expect(stagesText(RAMP, [["2m", "80"], ["0s", " 3/m "], ["forever", "0.5"]])).toBe("2m:80/s,0s:3/m,forever:0.5/s");
  expect(stagesText(scenario([], { is_open: false }), [["2m", "8"]])).toBe("2m:8");
});

test("a pause that ends just now is no stage to be edited: what is edited is the plan from when a change counts", () => {
  const resumed = scenario([[20, 12, 12], [4.3, 0, 0], [0, 0, 12], [null, 12, 12]]);
  expect(rowsLeft(resumed, 24)).toEqual([["forever", "12"]]);
  expect(rowsLeft(RAMP, 7.5)).toEqual([["5s", "20"], ["0s", "5"], ["forever", "5"]]);
});

test("the knee is told with its interval, and whether the capacity was reached", () => {
  const law = { lambda: 100, sigma: 0.05, kappa: 0.001, fit: 0.9987 };
  expect(doneWith(law, 0)).toBe(0);
  expect(doneWith(law, 1)).toBe(100);
  expect(doneWith(law, 20)).toBeCloseTo(2000 / (1 + 0.95 + 0.38));
  const knee = { state: "found", why: "", level: 5, levels: [], law, capacity: { per_s: 900, low: 880, high: 925, is_measured: false }, knee: { per_s: 640, low: 600, high: 690, users: 8, ms: 12.5 } };
  expect(kneeWords(knee)).toEqual(["Knee: 640/s (600 to 690), with 8.00 users busy and 13 ms an iteration. More load costs more than it brings.", "Capacity: 900/s (880 to 925), by the law alone: it was not reached.", "In brackets 95 % confidence; the law fits with R² 0.999."]);
  expect(kneeWords({ ...knee, knee: null, capacity: { ...knee.capacity, is_measured: true }, law: null })).toEqual(["Capacity: 900/s (880 to 925)."]);
  expect(kneeWords({ ...knee, knee: null, capacity: null, law: null })).toEqual([]);
  const none = { ...knee, knee: null, capacity: null, law: null };
  expect(kneeWords({ ...none, goodput: { least: 0.95, per_s: 12, share: 0.973 } })).toEqual(["Goodput of 95.0 % or more: up to 12.0/s (97.3 % there)."]);
  expect(kneeWords({ ...none, goodput: { least: 0.95, per_s: null, share: null } })).toEqual(["Goodput of 95.0 % or more: on no level."]);
  expect(kneeWords({ ...none, goodput: null })).toEqual([]);
});

test("the picture of a plan says when it takes another course, where there is room", () => {
  expect(bendsOf(pictureOf(scenario([[25, 0, 40], [null, 40, 40]]), 38), 38)).toEqual([25]);
  expect(bendsOf(pictureOf(scenario([[1, 0, 5], [2, 5, 20], [null, 20, 20]]), 100), 100), "too near the start").toEqual([]);
  expect(bendsOf(pictureOf(scenario([[30, 0, 5], [3, 5, 9], [30, 9, 9], [30, 9, 0]]), 93), 93)).toEqual([30, 63]);
});
