/* How moments are written: one switch for the whole page. */
import { afterEach, expect, test } from "vitest";
import { fakeDocument } from "./shown";
import { tick } from "./messages";

fakeDocument();
const { store } = await import("../../src/app-state");
const { timeMode } = await import("../../src/range/state");
const { momentText, timeText } = await import("../../src/range/time");

afterEach(() => {
  timeMode.value = "local";
});

test("a moment is in the zone that was chosen, to the millisecond too", () => {
  timeMode.value = "utc";
  expect([timeText(1764452460), momentText(1764452460.25)]).toEqual(["21:41:00", "21:41:00.250"]);
});

test("since the start counts from the run's, backwards before it, and is the time of day where none has begun", () => {
  timeMode.value = "elapsed";
  const local = timeText(1764452460);
  expect(local).toMatch(/^\d\d:\d\d:00$/);
  store.apply(tick({ started: 1764452400 }));
  expect([timeText(1764452460), momentText(1764452460.25), momentText(1764452398.5), momentText(0)]).toEqual(["01:00", "01:00.250", "−00:01.500", "–"]);
});
