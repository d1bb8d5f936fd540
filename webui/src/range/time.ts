/* Times as the person wants them: one switch for the whole page. */
import { store } from "../app-state";
import { clock, timeOfDay, timeUtc } from "../lib/format";
import { timeMode } from "./state";

export function timeText(second: number): string {
  switch (timeMode.value) {
    case "elapsed": return clock(second - (store.run.value?.started ?? 0));
    case "utc": return timeUtc(second);
    case "local": return timeOfDay(second);
  }
}
