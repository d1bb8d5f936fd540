/* Every screen of the page: its name in the address, its word in the rail, and where its code is. */
import { computed } from "@preact/signals";
import { CAN_COMMAND, IS_REPORT } from "../lib/build";
import { source, store } from "../app-state";
import { mayChange } from "../live/who";
import type { Screen } from "../lib/route";
import { hasExtras } from "../screens/extras/held";
import type { LazyScreen, ScreenComponent } from "./lazy";

const LIVE: readonly [Screen, string][] = [["live", "Live"]];
const LOAD: readonly [Screen, string][] = [["load", "Load"]];
const VERDICT: readonly [Screen, string][] = [["verdict", "Verdict"]];
const ENDPOINTS: readonly [Screen, string][] = [["endpoints", "Endpoints"]];
const METRICS: readonly [Screen, string][] = [["metrics", "Metrics"]];
const OTHERS: readonly [Screen, string][] = [["failures", "Failures"], ["workers", "Workers"]];

const EXTRAS: readonly [Screen, string][] = [["extras", "Extras"]];
const LOGS: readonly [Screen, string][] = [["logs", "Logs"]];
const RUNS: readonly [Screen, string][] = [["runs", "Runs"]];
const NEW: readonly [Screen, string][] = [["new", "New test"]];
const EDIT: readonly [Screen, string][] = [["new", "Edit load"]];

/** A recorded run has nobody to ask for a new test, and log lines if it was saved with them; extras
 * are there when the locustfile has some, metrics when something was counted in one, the load when there are scenarios. */
export const nav = computed<readonly [Screen, string][]>(() => [
  ...LIVE, ...(store.run.value?.plans ? LOAD : []), ...VERDICT, ...ENDPOINTS, ...(store.seriesCount.value > 0 ? METRICS : []), ...OTHERS, ...(source.has("logs") ? LOGS : []), ...(hasExtras.value ? EXTRAS : []), ...(IS_REPORT ? [] : RUNS), ...(!CAN_COMMAND || !mayChange.value ? [] : store.isRunning.value ? EDIT : NEW),
]);

/** The script of report files has no code of what only a master can do. */
const nowhere: LazyScreen = async () => () => null;

/** Live is part of the first load; the others come when they are opened, or when nothing else is to do. */
export const LAZY: Record<Exclude<Screen, "live">, LazyScreen> = {
  endpoints: async (): Promise<ScreenComponent> => (await import("../screens/endpoints/endpoints")).EndpointsScreen,
  verdict: async (): Promise<ScreenComponent> => (await import("../screens/verdict/verdict")).VerdictScreen,
  load: async (): Promise<ScreenComponent> => (await import("../screens/load/load")).LoadScreen,
  metrics: async (): Promise<ScreenComponent> => (await import("../screens/metrics/metrics")).MetricsScreen,
  failures: async (): Promise<ScreenComponent> => (await import("../screens/failures/failures")).FailuresScreen,
  workers: async (): Promise<ScreenComponent> => (await import("../screens/workers/workers")).WorkersScreen,
  logs: async (): Promise<ScreenComponent> => (await import("../screens/logs/logs")).LogsScreen,
  extras: IS_REPORT ? nowhere : async (): Promise<ScreenComponent> => (await import("../screens/extras/extras")).ExtrasScreen,
  runs: IS_REPORT ? nowhere : async (): Promise<ScreenComponent> => (await import("../screens/runs/runs")).RunsScreen,
  new: IS_REPORT ? nowhere : async (): Promise<ScreenComponent> => (await import("../screens/new-test/new-test")).NewTestScreen,
};
