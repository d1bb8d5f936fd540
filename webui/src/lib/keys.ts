/* Single-key shortcuts, listed in the help dialog. Ignored while typing, while a dialog is open
 * and when the person switched them off (WCAG 2.1.4). Screens add keys of their own with useKeys. */
import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";
import { CAN_COMMAND, IS_REPORT } from "./build";
import { mayChange } from "../live/who";
import { openDialog, store } from "../app-state";
import { PANEL_KEY } from "../chart/panel";
import { markerAt, nextCrosshair } from "../chart/plot";
import { isPaused, pauseView } from "../range/data";
import { cursorAt, goLive, isFixed, liveText, pan, setLive, steadyFrom, zoom } from "../range/state";
import { recall, remember } from "./storage";
import { go, route, setQuery, type Screen } from "./route";
import { nextTheme, setTheme } from "./theme";

const SCREEN_KEYS: Record<string, Screen> = { l: "live", p: "load", v: "verdict", e: "endpoints", m: "metrics", f: "failures", w: "workers", o: "logs", x: "extras", r: "runs", n: "new" };
const CHORD_MS = 1500;

/** Where there is a master. */
const COMMAND_SHORTCUTS: [string, string][] = [
  [".", "Back to live"],
  ["Space", "Freeze and resume the view"],
  ["m", "Marker at the cursor, or now"],
  ["p", "On Load: pause the scenario, or let it go on"],
  ["r", "On Load: to the slider of its rate or users"],
  ["b", "On Load: to its throttle, the brake"],
  ["↑ ↓", "Move a focused limit of a chart"],
  ["n", "New test"],
  ["Shift + S", "Stop the test (asks first)"],
];
export const SHORTCUTS: [string, string][] = [
  ["g then l p v e m f w o x r n", "Go to Live, Load, Verdict, Endpoints, Metrics, Failures, Workers, Logs, Extras, Runs, New test"],
  ["/", "Filter the endpoints or the log"],
  ["j k  ↓ ↑", "Next and previous row"],
  ["Enter", "Open the row"],
  ["x", "Draw the row in the chart above the table, or not"],
  ["Esc", "Close, leave the field, end the selection"],
  ["[ ]", "Move the range by half of its length"],
  ["+ -", "Zoom in and out around the cursor"],
  ["s", "All of the run, or since the load is steady"],
  ["o", "All, successes or failures of an open endpoint"],
  ["c", "Crosshair: values, line, none"],
  ["t", "The chart with the pointer as a table"],
  ["f", "The chart with the pointer on the full screen"],
  ["← →", "Move the cursor of a focused chart"],
  ["d", "Theme: system, light, dark"],
  ["?", "This list"],
  ...(IS_REPORT ? [] : COMMAND_SHORTCUTS),
];

export const areKeysOn = signal(recall("keys") !== "off");
export function setKeys(isOn: boolean): void {
  areKeysOn.value = isOn;
  remember("keys", isOn ? "on" : "off");
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input:not([type=checkbox]), textarea, select, dialog, [role=menu]") !== null;
}

const FRAMES_MAX = 60; // until the screen with the filter is there, on a slow machine

function focusFilter(framesLeft = FRAMES_MAX): void {
  const filter = document.getElementById("filter");
  if (filter === null && framesLeft === FRAMES_MAX) go("endpoints");
  if (filter) filter.focus();
  else if (framesLeft > 0) requestAnimationFrame(() => focusFilter(framesLeft - 1));
}

function tellPanel(what: string): boolean {
  const panel = document.querySelector(".chart.is-full") ?? document.querySelector(".chart:focus-within") ?? document.querySelector(".chart:hover");
  panel?.dispatchEvent(new CustomEvent(PANEL_KEY, { detail: what }));
  return panel !== null;
}

/** The innermost thing that is open is closed first. */
function escape(): boolean {
  if (document.querySelector(".chart.is-full")) return tellPanel("close");
  if (route.value.query["row"]) setQuery({ row: "" });
  else if (isFixed.value) goLive();
  else return false;
  return true;
}

function act(key: string): boolean {
  const canCommand = CAN_COMMAND && mayChange.value;
  switch (key) {
    case "/": focusFilter(); return true;
    case "d": setTheme(nextTheme()); return true;
    case "?": openDialog.value = "help"; return true;
    case "n":
      if (canCommand && !store.isRunning.value && !store.isEnding.value && store.hasRun.value) go("new");
      return true;
    case "S":
      if (canCommand && store.isRunning.value) openDialog.value = "stop";
      return true;
    case "m":
      if (!canCommand || !store.hasRun.value) return false;
      markerAt.value = cursorAt.value;
      openDialog.value = "marker";
      return true;
    case "Escape": return escape();
    case "[": pan(-1); return true;
    case "]": pan(1); return true;
    case "+": case "=": zoom(0.5); return true;
    case "-": zoom(2); return true;
    case ".": goLive(); return true;
    case "s": if (steadyFrom.value !== null) setLive(liveText.value === "steady" ? "all" : "steady"); return true;
    case " ": if (store.isRunning.value) pauseView(!isPaused.value); return store.isRunning.value;
    case "c": nextCrosshair(); return true;
    case "t": return tellPanel("table");
    case "f": return tellPanel("full");
    default: return false;
  }
}

type Handler = (key: string) => boolean;
const handlers: Handler[] = [];

/** Keys of a screen, tried before those of the page. */
export function useKeys(handler: Handler): void {
  useEffect(() => {
    handlers.unshift(handler);
    return () => void handlers.splice(handlers.indexOf(handler), 1);
  });
}

/** Space and Enter belong to the button that has the focus. */
function isForButton(event: KeyboardEvent): boolean {
  return (event.key === " " || event.key === "Enter") && event.target instanceof HTMLElement && event.target.closest("button, a, input, summary, [role=row]") !== null;
}

export function startKeys(): void {
  let chordUntil = 0;
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || !areKeysOn.value || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isForButton(event)) return;
    const screen = performance.now() < chordUntil ? SCREEN_KEYS[event.key] : undefined;
    chordUntil = event.key === "g" ? performance.now() + CHORD_MS : 0;
    if (screen !== undefined) go(screen);
    else if (!handlers.some((handler) => handler(event.key)) && !act(event.key)) return;
    event.preventDefault();
  });
}
