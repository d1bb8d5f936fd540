import { describe, expect, test } from "vitest";
import { rampWords, stateWord } from "../../src/lib/ramp";
import { ALL_REQUESTS, rowText, slotOfText } from "../../src/lib/row-link";
import { endWords, onceWords, shortIds, worstTone } from "../../src/lib/state-words";
import { wrongFields } from "../../src/live/ask";

describe("what an edit of the load does", () => {
  test.each([
    [20, "24", "2", "4 more, after 2s."], [20, "5", "5", "15 fewer, after 3s."], [60, "60", "4", "No change: 60 users run."],
    [1, "1", "4", "No change: 1 user runs."], [0, "10", "100", "10 more, within a second."], [5, "x", "1", "Users started or ended per second."],
    [5, "", "1", "Users started or ended per second."], [5, "9", "0", "Users started or ended per second."],
  ])("%i users, then %s at %s", (now, users, rate, words) => {
    expect(rampWords(now, users, rate)).toBe(words);
  });

  test("users that become fewer are not being spawned", () => {
    expect(stateWord({ state: "spawning", users: 44, target: 30 })).toBe("ramping down");
    expect(stateWord({ state: "spawning", users: 4, target: 30 })).toBe("spawning");
    expect(stateWord({ state: "running", users: 30, target: 30 })).toBe("running");
    expect(stateWord({ state: "spawning", users: 44, target: 10, scenarios: 3 }), "they have no number to come to").toBe("spawning");
  });
});

describe("what runs once a run", () => {
  const run = { state: "spawning", users: 0, target: 30, now: 1062, started: 1000, ended: 0 };
  test("has a word of its own, and says since when", () => {
    expect(stateWord({ ...run, setup: true })).toBe("setting up");
    expect(stateWord({ ...run, state: "stopped", teardown: true })).toBe("tearing down");
    expect(onceWords({ ...run, setup: true })).toBe("Setup of the locustfile has run for 1m2s. The load begins when it is over.");
    expect(onceWords({ ...run, teardown: true, ended: 1058 })).toBe("The load is over; teardown of the locustfile has run for 4s.");
    expect(onceWords(run)).toBe("");
  });

  test("ends the test when it fails before it", () => {
    expect(endWords({ ended_by: "its setup failed" }, 0, 0)).toEqual({ tone: "fail", text: ": its setup failed, so the load did not begin." });
  });
});

describe("how a run ended", () => {
  test("that all failed is said once on a screen", () => {
    expect(endWords({ ended_by: "somebody stopped it" }, 9, 9).text).toBe(": somebody stopped it. All 9 requests failed.");
    expect(endWords({ ended_by: "somebody stopped it" }, 9, 9, true)).toEqual({ tone: "fail", text: ": somebody stopped it." });
  });

  test("what ended it, and that nothing was done", () => {
    expect(endWords({ ended_by: "its run time was over" }, 10, 1)).toEqual({ tone: "quiet", text: ": its run time was over." });
    expect(endWords({ ended_by: "the shop has no stock" }, 10, 0)).toEqual({ tone: "warn", text: ": the shop has no stock." });
    expect(endWords({ ended_by: "no worker was left" }, 0, 0)).toEqual({ tone: "warn", text: ": no worker was left. No request was finished." });
    expect(endWords({}, 52, 52)).toEqual({ tone: "fail", text: ". All 52 requests failed." });
    expect(endWords({ ended_by: "stopped by threshold p95 < 1ms: value 3.0ms at second 4" }, 10, 1).tone).toBe("fail");
    expect(endWords({}, 1, 1).text).toBe(". The only request failed.");
  });

  test("the bar has the tone of its worst part", () => {
    expect(worstTone(["quiet", "warn"])).toBe("warn");
    expect(worstTone(["fail", "warn"])).toBe("fail");
    expect(worstTone([])).toBe("quiet");
  });

  test("machines have their short names", () => {
    expect(shortIds("Worker vm_66df210123456789abcdef0123456789 is gone.")).toBe("Worker vm_66df21 is gone.");
    expect(shortIds("vm_66df21 stays")).toBe("vm_66df21 stays");
  });
});

describe("an endpoint in the address", () => {
  const rows = { methods: ["GET", "POST", ""], names: ["/slow", "/slow", "checkout GET /slow"], length: 3 };
  test("is found by its method and name, whatever its number", () => {
    for (let slot = 0; slot < rows.length; slot++) expect(slotOfText(rows, rowText(rows, slot))).toBe(slot);
  });

  test("of another run is not found", () => {
    for (const text of ["GET /gone", "2", "", "GET", "/slow", ALL_REQUESTS]) expect(slotOfText(rows, text)).toBeUndefined();
  });
});

test("everything that is wrong with a form is told by field", () => {
  expect(wrongFields({ ok: true })).toEqual({});
  expect(wrongFields({ ok: false, field: "users", error: "a", errors: [{ field: "users", error: "a" }, { field: "host", error: "b" }] })).toEqual({ users: "a", host: "b" });
  expect(wrongFields({ ok: false, field: "host", error: "b" })).toEqual({ host: "b" });
});
