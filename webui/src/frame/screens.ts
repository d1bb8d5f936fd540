/* Every screen of the page: its name in the address, its word in the rail, its component. */
import type { JSX } from "preact";
import { source } from "../app-state";
import type { Screen } from "../lib/route";
import { EndpointsScreen } from "../screens/endpoints/endpoints";
import { FailuresScreen } from "../screens/failures";
import { LiveScreen } from "../screens/live/live";
import { LogsScreen } from "../screens/logs/logs";
import { NewTestScreen } from "../screens/new-test/new-test";
import { WorkersScreen } from "../screens/workers";

const RECORDED: readonly [Screen, string][] = [
  ["live", "Live"], ["endpoints", "Endpoints"], ["failures", "Failures"], ["workers", "Workers"],
];

/** A recorded run has nobody to ask for logs or for a new test. */
export const NAV: readonly [Screen, string][] = source.isRecorded ? RECORDED : [...RECORDED, ["logs", "Logs"], ["new", "New test"]];

export const SCREEN_OF: Record<Screen, () => JSX.Element | null> = {
  live: LiveScreen,
  endpoints: EndpointsScreen,
  failures: FailuresScreen,
  workers: WorkersScreen,
  logs: LogsScreen,
  new: NewTestScreen,
};
