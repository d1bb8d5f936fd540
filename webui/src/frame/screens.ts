/* Every screen of the page: its name in the address, its word in the rail, its component. */
import type { JSX } from "preact";
import type { Screen } from "../lib/route";
import { EndpointsScreen } from "../screens/endpoints/endpoints";
import { FailuresScreen } from "../screens/failures";
import { LiveScreen } from "../screens/live/live";
import { WorkersScreen } from "../screens/workers";

export const NAV: readonly [Screen, string][] = [
  ["live", "Live"], ["endpoints", "Endpoints"], ["failures", "Failures"], ["workers", "Workers"],
];

export const SCREEN_OF: Record<Screen, () => JSX.Element | null> = {
  live: LiveScreen,
  endpoints: EndpointsScreen,
  failures: FailuresScreen,
  workers: WorkersScreen,
};
