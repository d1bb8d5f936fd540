/* How a run stands against its thresholds, their lines in charts, and what is suggested while one is typed. */
import { describe, expect, it, test } from "vitest";
import type { Judged, Threshold } from "../../src/live/judged";
import { sparkShape } from "../../src/screens/verdict/spark";
import { limitsOfAll, limitsOfMetric, limitsOfRow, limitsOfSeries, topWith } from "../../src/verdict/limits";
import { suggestions } from "../../src/verdict/suggest";
import { canMove, linesWith, onStep, stepAt, withLimit } from "../../src/verdict/move";
import { byUrgency, byWorker, limitWords, lineOf, standingOf, stateWords, tagsOf, toneOf, valueWords } from "../../src/verdict/words";

function threshold(change: Partial<Threshold> = {}): Threshold {
  return {
    text: "p95 < 300ms", name: null, source: "--threshold", k6: false, scope: "all requests", stat: "p95", metric: null, method: null, row: null, op: "<", limit: 300, unit: "ms", mode: "all", window: 0,
    action: "continue", after: 0, warmup: 0, min_samples: 1, no_data: "fail", value: 100, n: 50, state: "pass", valid: true, failed: false, stopped: false, first_failed: null, first_value: null, why: "",
    warning: null, shown: "100.0ms", spark: [], ...change,
  };
}
const broken = (change: Partial<Threshold> = {}): Threshold => threshold({ state: "fail", failed: true, first_failed: 1000, ...change });
function judged(thresholds: Threshold[], change: Partial<Judged> = {}): Judged {
  const failed = thresholds.filter((one) => one.failed).length;
  return { over: false, passed: failed === 0, failed, valid: true, invalid: [], fail_on_invalid: false, reasons: "", since: 0, until: 1, thresholds, ...change };
}

describe("the standing of a run", () => {
  test.each<[string, Judged, string, string]>([
    ["no threshold", judged([]), "no thresholds", "idle"],
    ["all hold so far", judged([threshold(), threshold()]), "passing", "pass"],
    ["nothing to judge yet", judged([threshold({ state: "not yet" })]), "not yet", "idle"],
    ["one is broken", judged([threshold(), broken()]), "failing", "fail"],
    ["it is over, and one was broken", judged([broken()], { over: true }), "failed", "fail"],
    ["it is over, and all held", judged([threshold()], { over: true }), "passed", "pass"],
    ["all held, by a measurement that was not valid", judged([threshold()], { over: true, valid: false }), "passed", "warn"],
    ["that is the verdict with --fail-on-invalid", judged([threshold()], { over: true, valid: false, fail_on_invalid: true }), "not valid", "fail"],
    ["no data is no pass", judged([threshold({ state: "no data", failed: true })], { over: true }), "failed", "fail"],
  ])("%s", (_, of, word, tone) => {
    expect(standingOf(of, true)).toMatchObject({ word, tone });
  });
  it("says why", () => {
    expect(standingOf(judged([broken(), threshold({ state: "no data", failed: true }), threshold()], { over: true }), true).why).toBe("1 of 3 thresholds is broken, 1 had no data.");
    expect(standingOf(judged([threshold()], { over: true, valid: false }), true).why).toMatch(/The threshold held.*not valid/);
    expect(standingOf(judged([threshold()]), false).word).toBe("not begun");
  });
  it("has what is broken first, and what is only told is no failure", () => {
    const [a, b, c] = [threshold(), threshold({ state: "fail", action: "warn" }), broken()];
    expect(byUrgency([a, b, c])).toEqual([c, b, a]);
    expect([toneOf(a), toneOf(b), toneOf(c), toneOf(threshold({ state: "not yet" }))]).toEqual(["pass", "warn", "fail", "idle"]);
    expect([stateWords(b), stateWords(broken({ valid: false }))]).toEqual(["fail, only told", "fail (measurement not valid)"]);
  });
  it("writes values and limits with their units", () => {
    expect(["412.3ms", "0.2 %", "-", "12.0/s", "45.184", "-3.5ms", "2449.4ms", "1e+09", "12345"].map(valueWords)).toEqual(["412.3 ms", "0.2 %", "–", "12.0 /s", "45.184", "-3.5 ms", "2,449.4 ms", "1e+09", "12,345"]);
    expect([limitWords({ limit: 0.01, unit: "ratio" }), limitWords({ limit: 300, unit: "ms" }), limitWords({ limit: 3, unit: "" }), limitWords({ limit: 2000, unit: "ms" })]).toEqual(["1 %", "300 ms", "3", "2,000 ms"]);
  });
  it("adds up what is not valid by worker", () => {
    expect(byWorker([[10, 12, 0, "a", "cpu"], [20, 30, 1, "b", "lag"], [40, 41, 0, "a", "cpu"]]).map(({ name, seconds, spans }) => [name, seconds, spans.length])).toEqual([["b", 10, 1], ["a", 3, 2]]);
  });
});

describe("limits in charts", () => {
  const cart = broken({ scope: "'GET /cart'", method: "GET", row: "/cart", name: "cart" });
  const all = [threshold(), cart, threshold({ stat: "rps", unit: "/s", op: ">", limit: 100 }), threshold({ scope: "all HTTP requests", metric: "http_req_waiting" }),
    broken({ scope: "checks{check:ok, yes,shop:7}", metric: "checks", stat: "rate", unit: "ratio", limit: 0.99, op: ">" }), threshold({ stat: "loop_lag_p99", limit: 50 })];
  it("are those of what is drawn", () => {
    expect(limitsOfAll(all, "time")).toEqual([{ label: "p95 < 300 ms", value: 300, isBroken: false, turned: null, of: all[0] }]);
    expect(limitsOfAll(all, "rate").map(({ value }) => value)).toEqual([100]);
    expect(limitsOfAll(all, "lag").map(({ value }) => value)).toEqual([50]);
    expect(limitsOfRow(all, "GET", "/cart", "time")).toEqual([{ label: "cart: p95 < 300 ms", value: 300, isBroken: true, turned: 1000, of: cart }]);
    expect(limitsOfRow(all, "POST", "/cart", "time")).toEqual([]);
    const ofK6 = threshold({ scope: "'/cart'", method: "", row: "/cart", metric: "http_req_duration", k6: true });
    expect(limitsOfRow([ofK6, threshold({ ...ofK6, metric: "http_req_waiting" }), threshold({ ...ofK6, scope: "'/cart'{expected_response:true}" })], "GET", "/cart", "time").map(({ of }) => of)).toEqual([ofK6]);
  });
  it("of a series are those whose tags it has", () => {
    const of = broken({ scope: "checks{check:ok}", metric: "checks", stat: "rate", unit: "ratio", limit: 0.99 });
    expect(limitsOfSeries([of], { metric: "checks", tags: { check: "ok", group: "a" } }, "percent", [])[0]!.value).toBe(99);
    expect(limitsOfSeries([of], { metric: "checks", tags: { check: "no" } }, "percent", [])).toEqual([]);
    expect(limitsOfSeries([threshold({ scope: "group 'buy'" })], { metric: "group_duration", tags: { group: "buy" } }, "value", []).length).toBe(1);
    expect(tagsOf("checks{check:a:b,shop:7}")).toEqual({ check: "a:b", shop: "7" });
  });
  it("of a whole metric are drawn once, not in each of its series", () => {
    const whole = threshold({ scope: "checks", metric: "checks", stat: "rate", unit: "ratio", limit: 0.99, op: ">" });
    const series = ["ok", "no"].map((check) => ({ metric: "checks", tags: { check } }));
    expect(series.flatMap((of) => limitsOfSeries([whole], of, "percent", series))).toEqual([]);
    expect(limitsOfMetric([whole], "checks", "percent", series).map(({ value }) => value)).toEqual([99]);
    expect(limitsOfSeries([whole], series[0]!, "percent", series.slice(0, 1)).length).toBe(1);
    expect(limitsOfMetric([whole], "checks", "percent", series.slice(0, 1))).toEqual([]);
  });
  it("are moved in the text as it was typed", () => {
    const cart = (text: string, change: Partial<Threshold> = {}): Threshold => threshold({ text, source: "start", ...change });
    expect(withLimit(cart("p95 of 'GET /a<5' < 0.3s for 30s, stop"), 450)).toBe("p95 of 'GET /a<5' < 0.45s for 30s, stop");
    expect(withLimit(cart("fail_ratio<1%", { name: "few", unit: "ratio", limit: 0.01 }), 0.025)).toBe("few: fail_ratio<2.5%");
    expect(withLimit(cart("p95 < 300ms", { action: "stop" }), 250)).toBe("p95 < 250ms, stop");
    expect(withLimit(cart("p95 of 'a, stop' < 300 ms, warmup=3s", { action: "stop", after: 5, warmup: 3, min_samples: 20, no_data: "warn", name: "it's: a" }), 250)).toBe(
      `"it's: a": p95 of 'a, stop' < 250 ms, warmup=3s, stop, after=5s, min_samples=20, no_data=warn`);
    expect(withLimit(cart("fails == 0", { limit: 0 }), 3)).toBeNull();
    const all = [threshold(), cart("p95 < 300ms"), cart("rps > 100", { limit: 100 })];
    expect(linesWith(all, all[2]!, 80)).toEqual(["p95 < 300ms", "rps > 80"]);
    expect(all.map((one) => canMove(one, all))).toEqual([false, true, true]);
    expect(canMove(all[1]!, [...all, cart("p(95)<200", { k6: true })])).toBe(false);
    expect(stepAt(100_000, 80, false)).toBe(2000);
    expect([stepAt(300, 500, false), stepAt(300, 500, true), stepAt(2, 3, false), onStep(303, 10), onStep(-5, 10), onStep(0.1 + 0.2, 0.1)]).toEqual([10, 20, 0.05, 300, 10, 0.3]);
  });
  it("do not press flat what is far below them", () => {
    const limit = limitsOfAll(all, "time");
    expect([topWith(100, limit), topWith(20, limit), topWith(400, limit)]).toEqual([300, 20, 400]);
  });
  it("are part of the spark", () => {
    const near = sparkShape([90, 100, null, 95], 100);
    expect(near.path.match(/M/g)?.length).toBe(2);
    expect(near.limitY).toBeCloseTo(3);
    expect(sparkShape([1, 2, 1], 1000).limitY).toBeCloseTo(3);
    expect(sparkShape([5], 10).path).toBe("");
    expect(Number.isFinite(sparkShape([], 0).limitY)).toBe(true);
  });
});

describe("typing a threshold", () => {
  const names = { rows: ["GET /cart", "POST /pay"], metrics: ["basket_value"], groups: ["buy"], classes: ["Shopper"] };
  const labels = (text: string): string[] => suggestions(text, names).map(({ label }) => label);
  it("begins with what can be measured", () => {
    expect(labels("")[0]).toBe("p95");
    expect(labels("fail")).toEqual(["fail_ratio", "fails"]);
    expect(suggestions("gate: p9", names)[0]!.text).toBe("gate: p95 ");
  });
  it("goes on with what there is in this run", () => {
    expect(labels("p95 of ca")).toEqual(["'GET /cart'"]);
    const odd = { ...names, rows: ["GET it's", `GET "a" it's`] };
    expect(suggestions("p95 of it", odd).map(({ text }) => text)).toEqual([`p95 of "GET it's" `, `p95 of "GET *a* it's" `]);
    expect(suggestions(`p95 of "GET it's" `, odd)[0]!.text).toBe(`p95 of "GET it's" < 300ms`);
    expect(suggestions("p95 of 'GET /ca", names)[0]!.text).toBe("p95 of 'GET /cart' ");
    expect(labels("avg of bu")).toEqual(["group 'buy'"]);
    expect(labels("p95 of ").length).toBe(5);
  });
  it("then with a limit, a window and what follows", () => {
    expect(labels("p95 of 'GET /cart' ")).toContain("< 300ms");
    expect(labels("fail_ratio ")).toEqual(["< 1%", "< 0.1%", "of …"]);
    expect(labels("p95 < 300ms ")).toContain("for 30s");
    expect(suggestions("p95 < 300ms fo", names)[0]!.text).toBe("p95 < 300ms for 30s");
    expect(labels("p95 < 300ms for 30s, s")).toEqual(["stop"]);
    expect(labels("p95 < 300ms")).toEqual([]);
  });
  it("is given back as it would be typed", () => {
    expect(lineOf(threshold({ name: "cart", action: "stop" }))).toBe("cart: p95 < 300ms, stop");
    expect(lineOf(threshold({ text: "p95 < 300ms, stop", action: "stop" }))).toBe("p95 < 300ms, stop");
    expect(lineOf(threshold({ action: "stop", scenario: "buy" }))).toBe("p95 < 300ms, stop=buy");
    expect(lineOf(threshold({ text: "p95 < 300ms, stop=buy", action: "stop", scenario: "buy" }))).toBe("p95 < 300ms, stop=buy");
  });
});
