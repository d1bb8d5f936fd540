import { describe, expect, test } from "vitest";
import { commandLine, firstForm, rememberable, renewed, startFields, type TestForm } from "../../src/screens/new-test/form";
import type { ScenariosAnswer } from "../../src/live/scenarios";
import { completed, hostHint, hostMissing, target } from "../../src/screens/new-test/host";
import { parseSpan, planOf, planOfSteps } from "../../src/screens/new-test/plan";
import { shapeText, stepsOf } from "../../src/screens/new-test/stages";
import { pongWords } from "../../src/screens/new-test/pong";
import { tick } from "./messages";
import type { Script } from "../../src/screens/new-test/script";

const SCRIPT: Script = {
  file: "shop.py", text: "", sha256: "0", files: [], loaded_at: 1, shape: null, shapes: [], error: null,
  classes: [
    { name: "Visitor", weight: 3, fixed_count: 0, host: null, needs_host: false, is_chosen: true, tasks: { look: { ratio: 1 } }, all_tasks: ["look", "buy"], help: "" },
    { name: "Admin", weight: 1, fixed_count: 0, host: null, needs_host: true, is_chosen: true, tasks: { rule: { ratio: 1 } }, all_tasks: ["rule"], help: "" },
  ],
  options: [
    { name: "max_items", type: "int", default: 3, help: "", choices: null, is_secret: false, is_required: false, is_multiple: false },
    { name: "token", type: "text", default: null, help: "", choices: null, is_secret: true, is_required: false, is_multiple: false },
    { name: "loud", type: "bool", default: false, help: "", choices: null, is_secret: false, is_required: false, is_multiple: false },
  ],
};

function form(change: Partial<TestForm> = {}): TestForm {
  return { ...firstForm(null, SCRIPT, {}), users: "20", spawn_rate: "5", ...change };
}

describe("what is sent", () => {
  test("leaves out what is as the locustfile has it", () => {
    expect(startFields(form({ host: " http://shop.test " }), SCRIPT)).toEqual({ users: "20", spawn_rate: "5", host: "http://shop.test", run_time: "" });
  });

  test("names the chosen classes and what was changed of them", () => {
    const classes = { Visitor: { isChosen: true, weight: "5", fixed: "0", tasks: ["look"] }, Admin: { isChosen: false, weight: "9", fixed: "0", tasks: null } };
    expect(startFields(form({ classes }), SCRIPT)).toMatchObject({ user_classes: ["Visitor"], class_settings: { Visitor: { weight: 5, tasks: ["look"] } } });
  });

  test("a shape that decides alone leaves no users to send", () => {
    const shaped = { ...SCRIPT, shape: { name: "Waves", use_common_options: false, plan: null } };
    expect(startFields(form(), shaped)).toEqual({ host: "", run_time: "" });
  });
});

describe("the command line", () => {
  test("quotes for a shell, spells options as they are typed, shows no secret", () => {
    const text = commandLine(form({ host: "http://a.test/x y", options: { max_items: "7", token: "hush", loud: true } }), SCRIPT);
    expect(text).toBe("katydid -f shop.py -H 'http://a.test/x y' -u 20 -r 5 --max-items 7 --token SECRET --loud --headless");
  });

  test("has scenarios of the command line in place of users, those of the locustfile are in it", () => {
    const load = { begun: null, elapsed_s: null, scenarios: [{ text: "buy:constant-arrival-rate:rate=2/s,env.A=it's", is_of_all: false }] } as unknown as ScenariosAnswer;
    expect(commandLine(form(), SCRIPT, { ...load, is_of_script: false })).toBe("katydid -f shop.py --scenario 'buy:constant-arrival-rate:rate=2/s,env.A=it'\\''s' --headless");
    expect(commandLine(form(), SCRIPT, { ...load, is_of_script: true })).toBe("katydid -f shop.py --headless");
  });

  test("carries settings of single classes", () => {
    const classes = { ...form().classes, Visitor: { isChosen: true, weight: "3", fixed: "2", tasks: null } };
    expect(commandLine(form({ classes }), SCRIPT)).toContain(`--config-users '{"user_class_name":"Visitor","fixed_count":2}'`);
  });
});

test("what is remembered holds no secret, and forgets options that are gone", () => {
  const kept = rememberable(form({ options: { token: "hush", max_items: "9" } }), SCRIPT);
  expect(kept.options).toEqual({ max_items: "9" });
  expect(firstForm(null, SCRIPT, { ...kept, options: { old: "1", max_items: "9" } }).options).toEqual({ max_items: "9" });
});

describe("the plan", () => {
  test.each([["90", 90], ["20s", 20], ["3m", 180], ["1h20m", 4800], ["", null], ["soon", null]])("run time %s", (text, seconds) => {
    expect(parseSpan(text)).toBe(seconds);
  });

  test("ramps, holds and ends", () => {
    expect(planOf(form({ run_time: "1m" }), SCRIPT)).toEqual({ points: [[0, 0], [4, 20], [60, 20]], isOpen: false, stages: [] });
  });

  test("ends before everybody has started", () => {
    expect(planOf(form({ run_time: "2s" }), SCRIPT)).toEqual({ points: [[0, 0], [2, 10]], isOpen: false, stages: [] });
  });

  test("goes on without a run time", () => {
    expect(planOf(form(), SCRIPT)).toMatchObject({ isOpen: true });
  });

  test("is unknown for nonsense and for shapes that keep it to themselves", () => {
    expect(planOf(form({ users: "many" }), SCRIPT)).toBeNull();
    expect(planOf(form({ run_time: "5 minuets" }), SCRIPT)).toBeNull();
    expect(planOf(form(), { ...SCRIPT, shape: { name: "S", use_common_options: false, plan: null } })).toBeNull();
  });
});

describe("a load shape is drawn in steps", () => {
  test("each with a ramp at its rate, and then level", () => {
    const plan = planOfSteps([[0, 10, 10], [10, 40, 10], [25, 20, 5], [40, 20, 5]]);
    expect(plan.points).toEqual([[0, 0], [1, 10], [10, 10], [13, 40], [25, 40], [29, 20], [40, 20]]);
    expect(plan.stages).toEqual([[0, 10], [10, 40], [25, 20]]);
  });

  test("a ramp that its stage cuts off goes on from there", () => {
    expect(planOfSteps([[0, 100, 1], [10, 0, 2], [20, 0, 2]]).points).toEqual([[0, 0], [10, 10], [15, 0], [20, 0]]);
  });
});

describe("stages", () => {
  const stages = [{ length: "10s", users: "10", rate: "10" }, { length: "1m", users: "40", rate: "2.5" }];
  test("are steps, and the same in Python", () => {
    expect(stepsOf(stages)).toEqual([[0, 10, 10], [10, 40, 2.5], [70, 40, 2.5]]);
    expect(shapeText(stages)).toContain("        (10, 10, 10),\n        (70, 40, 2.5),\n");
  });

  test.each([{ length: "soon" }, { length: "0" }, { users: "ten" }, { users: "-1" }, { rate: "0" }, { rate: "1,5" }, { rate: "" }])("are nothing with %o", (change) => {
    expect(stepsOf([{ ...stages[0]!, ...change }])).toBeNull();
    expect(shapeText([{ ...stages[0]!, ...change }])).toBe("");
  });
});

describe("the host", () => {
  test.each([
    ["127.0.0.1:8000", "http://127.0.0.1:8000"], [" shop.test ", "http://shop.test"], ["localhost/api", "http://localhost/api"], ["[::1]:80", "http://[::1]:80"],
    ["https://shop.test", "https://shop.test"], ["htp://shop", "htp://shop"], ["user@shop", "user@shop"], [":80", ":80"], ["//shop", "//shop"], ["a b", "a b"], ["", ""], ["shop:80x", "shop:80x"],
  ])("%s is completed to %s", (typed, whole) => {
    expect(completed(typed)).toBe(whole);
  });

  test("is needed by the first class that has none, in the master's words", () => {
    expect(hostMissing(form(), SCRIPT, false)).toBe("Admin has no host of its own: give one.");
    expect(hostMissing(form({ host: "a" }), SCRIPT, false)).toBe("");
    expect(hostMissing(form(), SCRIPT, true)).toBe("");
    expect(hostHint(form(), SCRIPT)).toMatch(/^Admin has no host of its own/);
    const without = { ...form().classes, Admin: { isChosen: false, weight: "1", fixed: "0", tasks: null } };
    expect(hostMissing(form({ classes: without }), SCRIPT, false)).toBe("");
    const idle = { ...form().classes, Admin: { isChosen: true, weight: "0", fixed: "0", tasks: null } };
    expect(hostMissing(form({ classes: idle }), SCRIPT, false)).toBe("");
  });

  test("that is empty says where the load goes, one that is typed whose it replaces", () => {
    const own = { ...SCRIPT, classes: SCRIPT.classes.map((one, i) => ({ ...one, needs_host: false, host: i === 0 ? "http://a.test" : "http://b.test" })) };
    expect(hostHint(form(), own)).toBe("Empty: Visitor to http://a.test; Admin to http://b.test.");
    expect(hostHint(form({ host: "http://a.test" }), own)).toBe("In place of the host of Admin.");
    expect(target(form(), own)).toBe("");
    expect(target(form({ host: "c.test:1" }), own)).toBe("http://c.test:1");
    const one = { ...own, classes: own.classes.slice(0, 1) };
    expect(target(firstForm(null, one, {}), one)).toBe("http://a.test");
  });
});

test("a ping reads as a person would say it", () => {
  expect(pongWords({ ok: true, status: 200, time_ms: 3.4 })).toEqual({ tone: "pass", text: "200 in 3.4 ms" });
  for (const status of [401, 403, 404, 405]) expect(pongWords({ ok: true, status, time_ms: 3 })).toEqual({ tone: "pass", text: `answers (${status}) in 3.0 ms` });
  for (const status of [400, 421, 429]) expect(pongWords({ ok: true, status, time_ms: 3 })!.tone).toBe("warn");
  expect(pongWords({ ok: true, status: 503, time_ms: 30 })).toEqual({ tone: "warn", text: "503 in 30 ms" });
  expect(pongWords({ ok: true, trouble: "refused" })).toEqual({ tone: "fail", text: "refused" });
  expect(pongWords({ ok: false })).toBeNull();
});

describe("the first values", () => {
  const last = { users: "99", spawn_rate: "9", run_time: "9m", options: { max_items: "9" } };
  test("are the master's once it has had a run, whatever this browser remembers", () => {
    const run = { ...tick(), run: "r1", next: [20, 4] as [number, number], run_time: 0, target: 0 };
    expect(firstForm(run, SCRIPT, last)).toMatchObject({ users: "20", spawn_rate: "4", run_time: "", options: {} });
  });

  test("are those of the command line, then of this browser, before the first run", () => {
    const run = { ...tick(), run: "", next: [7, null] as [number, null], run_time: 0, target: 0 };
    expect(firstForm(run, SCRIPT, last)).toMatchObject({ users: "7", spawn_rate: "9", run_time: "9m", options: { max_items: "9" } });
  });
});

describe("a locustfile that is told of anew, while somebody fills in the form", () => {
  const was = firstForm(null, SCRIPT, { users: "8", host: "http://a.test" });
  const changed = {
    ...SCRIPT, options: SCRIPT.options.slice(1),
    classes: [{ ...SCRIPT.classes[0]!, weight: 7, all_tasks: ["look"] }, { ...SCRIPT.classes[1]!, name: "Boss" }],
  };
  const next = firstForm(null, changed, { users: "5", host: "http://b.test" });

  test("renews what nobody has changed, and nothing else", () => {
    expect(renewed({ ...was, users: "4", thresholds: ["p95<1"] }, was, next, changed)).toEqual({ ...next, users: "4", thresholds: ["p95<1"] });
    expect(renewed({ ...was, host: "" }, was, next, changed)).toEqual({ ...next, host: "" });
    expect(renewed(was, was, was, SCRIPT)).toEqual(was);
  });

  test("keeps choices of the classes that are left, of their tasks and of options", () => {
    const Visitor = { ...was.classes["Visitor"]!, fixed: "2", tasks: ["buy"] };
    const form = { ...was, classes: { ...was.classes, Visitor }, options: { max_items: "9", loud: true } };
    const got = renewed(form, was, next, changed);
    expect(got.classes).toEqual({ Visitor: { isChosen: true, weight: "7", fixed: "2", tasks: null }, Boss: next.classes["Boss"] });
    expect(got.options).toEqual({ loud: true });
    expect(renewed(form, was, was, SCRIPT)).toEqual(form);
  });

  test("leaves a shape that is still there", () => {
    const shaped = { ...SCRIPT, shapes: ["Waves"] };
    expect(renewed({ ...was, shape: "Waves" }, was, next, shaped).shape).toBe("Waves");
    expect(renewed({ ...was, shape: "Waves" }, was, next, SCRIPT).shape).toBe("");
  });
});
