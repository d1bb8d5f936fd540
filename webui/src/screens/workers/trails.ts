/* The trails of the workers of this page's master. */
import { effect } from "@preact/signals";
import { store } from "../../app-state";
import { Trails } from "./trail";

export const trails = new Trails();
effect(() => {
  const run = store.run.value;
  if (run !== null) trails.add(run.boot, run.now, store.workers.value);
});
