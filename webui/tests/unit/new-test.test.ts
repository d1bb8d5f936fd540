import { describe, expect, test } from "vitest";
import { commandLine, firstForm, rememberable, startFields, type TestForm } from "../../src/screens/new-test/form";
import { parseSpan, planOf } from "../../src/screens/new-test/plan";
import type { Script } from "../../src/screens/new-test/script";

const SCRIPT: Script = {
  file: "shop.py", text: "", sha256: "0", files: [], loaded_at: 1, shape: null, shapes: [], error: null,
  classes: [
    { name: "Visitor", weight: 3, fixed_count: 0, host: null, is_chosen: true, tasks: { look: { ratio: 1 } }, all_tasks: ["look", "buy"], help: "" },
    { name: "Admin", weight: 1, fixed_count: 0, host: null, is_chosen: true, tasks: { rule: { ratio: 1 } }, all_tasks: ["rule"], help: "" },
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
    expect(planOf(form({ run_time: "1m" }), SCRIPT)).toEqual({ points: [[0, 0], [4, 20], [60, 20]], isOpen: false });
  });

  test("ends before everybody has started", () => {
    expect(planOf(form({ run_time: "2s" }), SCRIPT)).toEqual({ points: [[0, 0], [2, 10]], isOpen: false });
  });

  test("goes on without a run time", () => {
    expect(planOf(form(), SCRIPT)).toMatchObject({ isOpen: true });
  });

  test("is unknown for nonsense and for shapes that keep it to themselves", () => {
    expect(planOf(form({ users: "many" }), SCRIPT)).toBeNull();
    expect(planOf(form(), { ...SCRIPT, shape: { name: "S", use_common_options: false, plan: null } })).toBeNull();
  });
});
