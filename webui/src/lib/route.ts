/* The address holds what is worth sharing: the screen and its settings, in the fragment, so that
 * the server needs no route for it: #/endpoints?filter=cart&sort=-p95&range=15m
 *
 * `range` and `run` belong to the page, not to one screen: going to another screen keeps them. */
import { signal } from "@preact/signals";

export const SCREENS = ["live", "load", "verdict", "endpoints", "metrics", "failures", "workers", "logs", "extras", "runs", "new"] as const;
export type Screen = (typeof SCREENS)[number];

export interface Route {
  screen: Screen;
  query: Record<string, string>;
}

/** Screens that are not about the run that is shown. */
export const isElsewhere = (screen: Screen): boolean => screen === "runs" || screen === "new";

const KEPT = ["range", "run"];

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?");
  const screen = SCREENS.find((name) => name === path) ?? "live";
  return { screen, query: Object.fromEntries(new URLSearchParams(search)) };
}

export function formatRoute(route: Route): string {
  const search = new URLSearchParams(
    Object.entries(route.query).filter(([, value]) => value !== ""),
  ).toString();
  return `#/${route.screen}${search ? `?${search}` : ""}`;
}

export const route = signal<Route>({ screen: "live", query: {} });

export function startRouting(): void {
  const read = (): void => {
    route.value = parseRoute(location.hash);
  };
  addEventListener("hashchange", read);
  read();
}

/** The address of a screen, with what is kept from screen to screen. */
export function linkTo(screen: Screen, query: Record<string, string> = {}): string {
  const kept = Object.entries(route.value.query).filter(([key]) => KEPT.includes(key));
  return formatRoute({ screen, query: { ...Object.fromEntries(kept), ...query } });
}

export function go(screen: Screen, query: Record<string, string> = {}): void {
  location.hash = linkTo(screen, query);
}

/** Settings of the screen change the address but add no step to the history. */
export function setQuery(change: Record<string, string>): void {
  const next = { ...route.value, query: { ...route.value.query, ...change } };
  route.value = next;
  history.replaceState(null, "", formatRoute(next));
}

/** A change worth a step back, such as opening a drill-down. */
export function pushQuery(change: Record<string, string>): void {
  location.hash = formatRoute({ ...route.value, query: { ...route.value.query, ...change } });
}
