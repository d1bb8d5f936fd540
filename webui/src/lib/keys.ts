/* Single-key shortcuts, listed in the help dialog. Ignored while typing, while a dialog is open
 * and when the person switched them off (WCAG 2.1.4). */
import { openDialog, store } from "../app-state";
import { recall, remember } from "./storage";
import { signal } from "@preact/signals";
import { go, type Screen } from "./route";
import { nextTheme, setTheme } from "./theme";

const SCREEN_KEYS: Record<string, Screen> = { l: "live", e: "endpoints", f: "failures", w: "workers" };
const CHORD_MS = 1500;

export const SHORTCUTS: [string, string][] = [
  ["g then l e f w", "Go to Live, Endpoints, Failures, Workers"],
  ["/", "Filter the endpoints"],
  ["n", "New test"],
  ["Shift + S", "Stop the test (asks first)"],
  ["d", "Theme: system, light, dark"],
  ["← →", "Move the cursor on a focused chart"],
  ["?", "This list"],
];

export const areKeysOn = signal(recall("keys") !== "off");
export function setKeys(isOn: boolean): void {
  areKeysOn.value = isOn;
  remember("keys", isOn ? "on" : "off");
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, dialog") !== null;
}

const FRAMES_MAX = 60; // until the screen with the filter is there, on a slow machine

function focusFilter(framesLeft = FRAMES_MAX): void {
  if (framesLeft === FRAMES_MAX) go("endpoints");
  const filter = document.getElementById("filter");
  if (filter) filter.focus();
  else if (framesLeft > 0) requestAnimationFrame(() => focusFilter(framesLeft - 1));
}

function act(key: string): boolean {
  switch (key) {
    case "/": focusFilter(); return true;
    case "d": setTheme(nextTheme()); return true;
    case "?": openDialog.value = "help"; return true;
    case "n":
      if (!store.isRunning.value && !store.isEnding.value && store.hasRun.value) openDialog.value = "start";
      return true;
    case "S":
      if (store.isRunning.value) openDialog.value = "stop";
      return true;
    default: return false;
  }
}

export function startKeys(): void {
  let chordUntil = 0;
  addEventListener("keydown", (event) => {
    if (!areKeysOn.value || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const screen = performance.now() < chordUntil ? SCREEN_KEYS[event.key] : undefined;
    chordUntil = event.key === "g" ? performance.now() + CHORD_MS : 0;
    if (screen !== undefined) go(screen);
    else if (!act(event.key)) return;
    event.preventDefault();
  });
}
