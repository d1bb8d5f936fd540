/* The scenarios that the next test is going to have; null: not known, or there are none. */
import { signal } from "@preact/signals";
import { store } from "../../app-state";
import { askJson } from "../../live/ask";
import type { ScenariosAnswer } from "../../live/scenarios";

export const planned = signal<ScenariosAnswer | null>(null);

export async function loadScenarios(): Promise<void> {
  if (!store.run.peek()?.plans) {
    planned.value = null;
    return;
  }
  try {
    planned.value = await askJson<ScenariosAnswer>("scenarios");
  } catch {
    // the screen says elsewhere that the master does not answer
  }
}
