/* Errors in the log that nobody has looked at: all since the start of the master, until the log is opened. */
import { computed, effect, signal } from "@preact/signals";
import { store } from "../app-state";
import { route } from "../lib/route";

const seen = signal({ boot: "", errors: 0 });

export const unseenErrors = computed(() => {
  const run = store.run.value;
  const before = run !== null && run.boot === seen.value.boot ? seen.value.errors : 0;
  return Math.max(0, (run?.log_errors ?? 0) - before);
});

export function startUnseen(): void {
  effect(() => {
    const run = store.run.value;
    if (run !== null && route.value.screen === "logs") seen.value = { boot: run.boot, errors: run.log_errors ?? 0 };
  });
}
