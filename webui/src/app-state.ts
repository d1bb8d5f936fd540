/* The few things every part of the page shares. */
import { signal } from "@preact/signals";
import { IS_REPORT, STORED } from "./lib/build";
import { findReport } from "./live/report-block";
import { FileSource } from "./live/file-source";
import { browserEnv } from "./live/env";
import { LiveSource } from "./live/live-source";
import { StoredSource } from "./live/stored-source";
import type { Source } from "./live/source";
import { Store } from "./live/store";

export const store = new Store();

/** The same page shows a master's run, one that is stored, or the run of the report file that it is part of: a file is another build, and neither build has the other's source. */
function makeSource(): Source {
  if (IS_REPORT) return new FileSource(store, findReport() ?? "");
  return STORED !== "" ? new StoredSource(store, `runs/${encodeURIComponent(STORED)}/`) : new LiveSource(store, browserEnv());
}
export const source = makeSource();

export type DialogName = "edit" | "stop" | "reset" | "marker" | "report" | "help";
export const openDialog = signal<DialogName | null>(null);

/** The last word of the master about a command. */
export const toast = signal<{ text: string; isOk: boolean } | null>(null);
let toastTimer: ReturnType<typeof setTimeout> | undefined;
export function say(text: string, isOk: boolean): void {
  toast.value = { text, isOk };
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toast.value = null), 6000);
}
