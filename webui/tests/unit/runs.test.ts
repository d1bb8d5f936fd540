import { describe, expect, it } from "vitest";
import { SeriesTable } from "../../src/live/series";
import { POINT_WIDTH, type Point } from "../../src/live/protocol";
import { aligned, aloneWord, at, changeWords, differences, knownCurves, plainWords, ratios, sharesOf, sides, toneOfAnswer, valueWords, type CompareAnswer, type Judged } from "../../src/screens/runs/compared";
import { COLUMNS, heatDifference, ROWS } from "../../src/screens/runs/heat";
import { baseName, commitOf, failedOf, lengthOf, listPath, momentOf, nameOf, overRuns, profileOf, resultOf, iterationsOf, sentenceOf, ticked, usersOf, whenOf, type Run } from "../../src/screens/runs/model";
import { bandOf, changeOf, isWorse, levelsOf, levelWords, ticksOf, valueOf } from "../../src/screens/runs/trends";

const run = (more: Partial<Run> = {}): Run => ({ id: "01A", state: "done", verdict: "-", ...more });
const judged = (more: Partial<Judged> = {}): Judged => ({ stat: "p95", method: "", name: "", before: 349, after: 412, change: 1.18, low: 1.09, high: 1.27, answer: "worse", more: "", basis: "history", ...more });
const answer = (more: Partial<CompareAnswer> = {}): CompareAnswer => ({ refusal: null, remarks: "", worse: 0, unsure: 0, distance: 0, at_ms: 0, delta: 0, lines: [], curve: [], environment: [], failures: { gone: [], new: [] }, rows: [], ...more });

describe("the list of runs", () => {
  it("is asked for with the filters of the address, a page at a time", () => {
    expect(listPath({})).toBe("runs?limit=50");
    expect(listPath({ text: "a b&c", verdict: "not valid", valid: "1", profile: "", page: "2", range: "5m" })).toBe("runs?text=a+b%26c&verdict=not+valid&valid=1&skip=100&limit=50");
    expect(listPath({ page: "-3" })).toBe("runs?limit=50");
    expect(listPath({ page: "x" })).toBe("runs?limit=50");
  });

  it("has the users that scenarios had at most, and what they started", () => {
    expect([usersOf(run({ users: 5, users_most: 4, plans: 0 })), iterationsOf(run())]).toEqual(["5", ""]);
    const planned = run({ users: null, users_most: 13, plans: 2, iterations: { started: 1200 } });
    expect([usersOf(planned), iterationsOf(planned)]).toEqual(["13", "1,200 iterations"]);
    expect(sentenceOf(planned)).toContain(": 13 users, ");
    expect(usersOf(run({ plans: 1, state: "running" }))).toBe("–");
  });

  it("names what a run is of, and how it ended", () => {
    expect(profileOf(run({ locustfile: "/tests/shop.py" }))).toBe("shop.py");
    expect(profileOf(run({ profile: "nightly", locustfile: "/tests/shop.py" }))).toBe("nightly");
    expect(baseName("")).toBe("");
    expect(nameOf(run({ pin: "release-4", started: 1 }))).toBe("release-4");
    expect(nameOf(run())).toBe("–");
    const noted = run({ note: "with the cache", profile: "shop", started: 1 });
    expect([nameOf(noted), momentOf(noted)]).toEqual(["with the cache", `shop · ${whenOf(noted)}`]);
    expect([nameOf({ ...noted, note: "" }), momentOf({ ...noted, note: "" })]).toEqual(["shop", whenOf(noted)]);
    expect(commitOf(run({ commit: "0123456789abcdef", dirty: true }))).toBe("01234567 + changes");
    expect(failedOf(run({ requests: 0 }))).toBe("–");
    expect(failedOf(run({ requests: 100_000, failures: 1 }))).toBe("< 0.01 %");
    expect(resultOf(run())).toBeNull();
    expect([lengthOf(run({ duration: 75 })), lengthOf(run({ duration: 1, state: "running" }))]).toEqual(["1m15s", "–"]);
    expect([plainWords(75, "run_time"), plainWords(10, "spawn_rate"), plainWords(10, "users"), plainWords("89ebf52ae65664604bc6", "sha256")]).toEqual(["1m15s", "10/s", "10", "89ebf52ae656"]);
    expect(resultOf(run({ verdict: "interrupted" }))).toEqual(["warn", "interrupted"]);
    expect(profileOf(run({ profile: "a\u202eb" }))).toBe("a\\u202eb");
  });

  it("ticks as many as can be compared", () => {
    expect(ticked([], "a")).toEqual(["a"]);
    expect(ticked(["a", "b"], "a")).toEqual(["b"]);
    expect(ticked(["a", "b", "c", "d", "e"], "f")).toEqual(["b", "c", "d", "e", "f"]);
  });

  it("draws a figure over the runs from the oldest on", () => {
    expect(overRuns([run({ p95: 3 }), run(), run({ p95: 1 })], (one) => one.p95)).toEqual([1, null, 3]);
  });
});

describe("runs side by side", () => {
  it("writes values with their change and its interval", () => {
    expect(changeWords(judged())).toBe("412 ms (+18 % [+9.0 %, +27 %])");
    expect(changeWords(judged({ stat: "rps", after: 98, change: 0.98, low: 0.9, high: 1.002 }))).toBe("98.0/s (−2.0 % [−10 %, +0.20 %])");
    expect(changeWords(judged({ stat: "fail_ratio", after: 0.0123, change: 0.003, low: -0.001, high: 0.12 }))).toBe("1.23 % (+0.30 pp [−0.10 pp, +12 pp])");
    expect(changeWords(judged({ change: null, after: null }))).toBe("–");
    expect(changeWords(judged({ low: null }))).toBe("412 ms (+18 %)");
    expect(valueWords("p95", null)).toBe("–");
    expect(valueWords("fail_ratio", 0)).toBe("0 %");
  });

  it("has a word and a tone for each answer", () => {
    expect([toneOfAnswer("worse"), toneOfAnswer("not worse"), toneOfAnswer("cannot tell"), toneOfAnswer("no data")]).toEqual(["fail", "pass", "warn", "idle"]);
  });

  it("sorts by what rows contributed, the total first", () => {
    const lines = [judged({ name: "/small", method: "GET" }), judged({ name: "/large", method: "GET" }), judged()];
    const rows: CompareAnswer["rows"] = [["GET", "/small", 5, 1, 0, 1, 1, 1, 0, 1, 1], ["GET", "/large", -900, 1, 0, 1, 1, 1, 0, 1, 1]];
    const all = sides([answer({ lines, rows }), answer({ lines: [judged({ answer: "not worse" })] })]);
    expect(all.map(({ name }) => name)).toEqual(["", "/large", "/small"]);
    expect(all[0]!.judged.map((one) => one?.answer)).toEqual(["worse", "not worse"]);
    expect(all[1]!.judged[1]).toBeUndefined();
  });

  it("counts seconds from the start of the load", () => {
    const points = [100, 101, 110].map((second) => [second, ...new Array<number>(POINT_WIDTH - 1).fill(second)] as Point);
    const view = aligned(SeriesTable.of(points, 1), 100.7);
    expect(view.x).toEqual([0, 1, 2, 10]);
    expect(view.column(1)).toEqual([100, 101, null, 110]);
  });

  it("reads curves between their points, and says by how much percentiles differ", () => {
    const a: [number, number][] = [[0, 10], [0.5, 20], [0.9, 40]];
    const b: [number, number][] = [[0.5, 20], [0.7, 40], [0.99, 80]];
    expect(sharesOf([a, b], [1000, 2000])).toEqual([0, 0.5, 0.7, 0.9, 0.99]);
    expect(sharesOf([a, b], [20, 2000]), "beyond it is less than one request of the first").toEqual([0, 0.5, 0.7, 0.9]);
    expect(sharesOf([a, b], [0, 2000])).toHaveLength(5);
    expect(at(a, 0.7)).toBe(30);
    expect(at(a, 0.99)).toBeNull();
    expect(at(b, 0)).toBeNull();
    const of = ratios(a, b, [0, 0.5, 0.7, 0.9, 0.99]);
    expect(of.map((one) => (one === null ? null : Math.round(one)))).toEqual([null, 0, 33, 69, null]);
    expect(ratios([[0.5, 0]], [[0.5, 5]], [0.5])).toEqual([null]);
  });

  it("has the curves of judged runs with what is known of them, as far as all go", () => {
    const first = [[0.5, 10, 9, 11, 20, 18, 22, 2, 1.5, 2.5], [0.99, 30, null, null, 33, null, null, 1.1, null, null]];
    const second = [[0.5, 10, 9, 11, 5, 4, 6, 0.5, 0.4, 0.6]];
    expect(knownCurves([answer({ curve: first }), answer({ curve: second })])).toEqual({
      shares: [0.5],
      runs: [{ values: [10], low: [9], high: [11] }, { values: [20], low: [18], high: [22] }, { values: [5], low: [4], high: [6] }],
      changes: [{ values: [100], low: [50], high: [150] }, { values: [-50], low: [-60], high: [-40] }],
    });
    const alone = knownCurves([answer({ curve: first })])!;
    expect(alone.runs[1]).toEqual({ values: [20, 33], low: [18, null], high: [22, null] });
    expect(knownCurves([answer({ curve: first }), answer()]), "one pair is not judged").toBeNull();
  });

  it("lists what differs around them, of the reference and of each", () => {
    const compared = [answer({ environment: [["commit", "aaa", "bbb"]] }), answer({ environment: [["commit", "aaa", "ccc"], ["users", 10, 20]] })];
    expect(differences(compared)).toEqual([{ key: "commit", values: ["aaa", "bbb", "ccc"] }, { key: "users", values: [10, 10, 20] }]);
    expect(differences([answer({ environment: [["branch", null, "fix"]] }), answer()])).toEqual([{ key: "branch", values: [null, "fix", null] }]);
  });

  it("marks rows that only one of them has", () => {
    expect([aloneWord(["GET", "/", 1, 0, 0, null, null, 5, 0, 1, 1]), aloneWord(["GET", "/", 1, 5, 0, 1, 1, 0, 0, null, null]), aloneWord(["GET", "/", 1, 5, 0, 1, 1, 5, 0, 1, 1])]).toEqual(["new", "gone", ""]);
  });
});

describe("the difference of two heatmaps", () => {
  const heat = (from: number, cells: [number, number, number][], bounds = [1, 10, 100]) => ({ start: from, answer: { from, step: 1, bounds_ms: bounds, cells, max: 9 } });
  it("is none where the same share of the requests lies at the same time", () => {
    const of = heatDifference(heat(100, [[0, 0, 5], [1, 1, 5]]), heat(900, [[0, 0, 50], [1, 1, 50]]))!;
    expect(of.most).toBeCloseTo(0, 12);
    expect(of.bounds.length).toBe(ROWS + 1);
  });
  it("says which of the two has more, on one grid", () => {
    const of = heatDifference(heat(0, [[0, 0, 8], [0, 1, 2]]), heat(500, [[0, 0, 2], [0, 1, 8]]))!;
    const [low, high] = [[...of.cells].filter(([key]) => key % ROWS < ROWS / 2), [...of.cells].filter(([key]) => key % ROWS >= ROWS / 2)].map((half) => half.reduce((sum, [, value]) => sum + value, 0));
    expect([low, high].map((value) => Number(value!.toFixed(6)))).toEqual([-0.6, 0.6]);
    const shifted = heatDifference(heat(0, [[0, 0, 5], [0, 1, 5]], [1, 10, 100]), heat(0, [[0, 0, 5], [0, 1, 5]], [1, 10, 100.0001]))!;
    expect(shifted.most).toBeLessThan(1e-4); // edges that lie a little elsewhere are no difference
    const slower = heatDifference(heat(0, [[0, 0, 1]]), heat(0, [[119, 0, 1]], [100, 1000]))!;
    expect(slower.step).toBe(2);
    expect([...new Set([...slower.cells.keys()].map((key) => Math.floor(key / ROWS)))].sort((a, b) => a - b)).toEqual([0, COLUMNS - 1]);
    expect([slower.bounds[0], Math.round(slower.bounds.at(-1)!)]).toEqual([1, 1000]);
  });
  it("is not there where nothing was answered", () => {
    expect(heatDifference(heat(0, []), heat(0, [[0, 0, 1]]))).toBeNull();
  });
});

describe("a trend", () => {
  it("says what is worse, in the unit of the figure", () => {
    expect(changeOf("p95", 1.18)).toBe("+18 %");
    expect(changeOf("fail_ratio", -0.002)).toBe("−0.20 pp");
    expect([isWorse("p95", 1.1), isWorse("rps", 1.1), isWorse("rps", 0.9), isWorse("fail_ratio", 0.01), isWorse("fail_ratio", -0.01)]).toEqual([true, false, true, true, false]);
    expect([valueOf("rps", 12.3), valueOf("p95", null), valueOf("fail_ratio", 0.01)]).toEqual(["12.3/s", "–", "1.00 %"]);
  });

  it("tells runs of one day apart on its axis", () => {
    const at = (...moments: string[]): string[] => ticksOf(moments.map((moment) => ({ id: "", started: Date.parse(moment) / 1000, is_good: true, commit: "", note: "", pin: "", value: 1 })));
    for (const moments of [["2026-11-29T12:01", "2026-11-29T12:02"], ["2026-11-28T12:01", "2026-11-29T12:01", "2026-11-29T12:02"]]) expect(new Set(at(...moments)).size).toBe(moments.length);
    expect(at("2026-11-28T12:01", "2026-11-29T12:01").join()).not.toContain(":");
    expect(at("2026-11-29T12:01:05", "2026-11-29T12:01:45").map((tick) => tick.slice(-5))).toEqual(["01:05", "01:45"]);
  });

  it("does not call a level the same that nobody can know", () => {
    const point = { id: "", started: 0, is_good: true, commit: "", note: "", pin: "", value: 1 };
    expect(levelWords({ points: [point, point, point, { ...point, is_good: false }], changes: [] })).toMatch(/^There are too few runs to tell/);
    expect(levelWords({ points: [point, point, point, point], changes: [] })).toBe("The level has not changed.");
  });

  it("has an interval for every run that counts and has one", () => {
    const steady = { value: 2, low: 1, high: 3, n: 9, blocks: 20 };
    const point = { id: "", started: 0, is_good: true, commit: "", note: "", pin: "", value: 1 };
    expect(bandOf({ points: [{ ...point, steady }, point, { ...point, steady: null }, { ...point, is_good: false, steady }, { ...point, steady: { ...steady, low: null } }] })).toEqual({ low: [1, null, null, null, null], high: [3, null, null, null, 3] });
  });

  it("has a level for every run that lies in one", () => {
    const point = { id: "", started: 0, is_good: true, commit: "", note: "", pin: "", value: 1 };
    expect(levelsOf({ points: [point, point, point, point], steps: [{ from: 0, to: 1, n: 2, level: 5 }, { from: 3, to: 3, n: 1, level: 9 }] })).toEqual([5, 5, null, 9]);
  });
});
