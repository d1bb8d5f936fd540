/* Every screen of the page: its name in the address, its word in the rail, its component. */
import type { JSX } from "preact";
import { computed } from "@preact/signals";
import { source } from "../app-state";
import type { Screen } from "../lib/route";
import { EndpointsScreen } from "../screens/endpoints/endpoints";
import { hasExtras } from "../screens/extras/held";
import { ExtrasScreen } from "../screens/extras/extras";
import { FailuresScreen } from "../screens/failures/failures";
import { LiveScreen } from "../screens/live/live";
import { LogsScreen } from "../screens/logs/logs";
import { NewTestScreen } from "../screens/new-test/new-test";
import { WorkersScreen } from "../screens/workers/workers";

const RECORDED: readonly [Screen, string][] = [
  ["live", "Live"], ["endpoints", "Endpoints"], ["failures", "Failures"], ["workers", "Workers"],
];

const EXTRAS: readonly [Screen, string][] = [["extras", "Extras"]];
const LOGS: readonly [Screen, string][] = [["logs", "Logs"]];
const NEW: readonly [Screen, string][] = [["new", "New test"]];

/** A recorded run has nobody to ask for a new test, and log lines if it was saved with them; extras
 * are there when the locustfile has some. */
export const nav = computed<readonly [Screen, string][]>(() => [
  ...RECORDED, ...(source.has("logs") ? LOGS : []), ...(hasExtras.value ? EXTRAS : []), ...(source.isRecorded ? [] : NEW),
]);

export const SCREEN_OF: Record<Screen, () => JSX.Element | null> = {
  live: LiveScreen,
  endpoints: EndpointsScreen,
  failures: FailuresScreen,
  workers: WorkersScreen,
  logs: LogsScreen,
  extras: ExtrasScreen,
  new: NewTestScreen,
};
