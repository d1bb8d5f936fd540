/* Light, dark, or what the system says. The choice is an attribute of the root element; the
 * colours themselves are CSS variables. `painted` changes whenever colours may have changed. */
import { signal } from "@preact/signals";
import { recall, remember } from "./storage";

export type Theme = "system" | "light" | "dark";
const ORDER: Theme[] = ["system", "light", "dark"];

function stored(): Theme {
  const value = recall("theme");
  return ORDER.find((theme) => theme === value) ?? "system";
}

export const theme = signal<Theme>("system");
export const painted = signal(0);

export function setTheme(next: Theme): void {
  theme.value = next;
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  remember("theme", next);
  painted.value++;
}

export function nextTheme(): Theme {
  return ORDER[(ORDER.indexOf(theme.value) + 1) % ORDER.length]!;
}

export function startTheme(): void {
  setTheme(stored());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => painted.value++);
}

const known = new Map<string, string>();
let knownAt = -1;

/** The value of a CSS variable as charts need it; read once per theme. */
export function cssVar(name: string): string {
  if (knownAt !== painted.peek()) known.clear();
  knownAt = painted.peek();
  let value = known.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    known.set(name, value);
  }
  return value;
}
