/* The few things every part of the page shares. */
import { signal } from "@preact/signals";
import { LiveSource, browserEnv } from "./live/source";
import { Store } from "./live/store";

export const store = new Store();
export const source = new LiveSource(store, browserEnv());

export type DialogName = "start" | "edit" | "stop" | "reset" | "help";
export const openDialog = signal<DialogName | null>(null);

/** How much of the run the charts show, in seconds; 0 is everything that is kept. */
export const chartRange = signal(300);

/** The last word of the master about a command. */
export const toast = signal<{ text: string; isOk: boolean } | null>(null);
let toastTimer: ReturnType<typeof setTimeout> | undefined;
export function say(text: string, isOk: boolean): void {
  toast.value = { text, isOk };
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toast.value = null), 6000);
}
