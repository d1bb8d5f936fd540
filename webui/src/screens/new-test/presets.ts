/* Forms kept under a name, in this browser, per locustfile. */
import { recall, remember } from "../../lib/storage";
import type { Remembered } from "./form";

export type Presets = Record<string, Remembered>;

const MAX = 50;

function key(file: string): string {
  return `presets:${file}`;
}

function parsed<T extends object>(text: string | null | undefined): T {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return (typeof value === "object" && value !== null ? value : {}) as T;
  } catch {
    return {} as T; // what is not ours to read counts as nothing
  }
}

export function presetsOf(file: string): Presets {
  return parsed(recall(key(file)));
}

export function keepPreset(file: string, name: string, form: Remembered): Presets {
  const { [name]: _old, ...others } = presetsOf(file);
  const kept = Object.fromEntries([[name, form], ...Object.entries(others)].slice(0, MAX)) as Presets;
  remember(key(file), JSON.stringify(kept));
  return kept;
}

export function dropPreset(file: string, name: string): Presets {
  const { [name]: _gone, ...kept } = presetsOf(file);
  remember(key(file), JSON.stringify(kept));
  return kept;
}

export function lastForm(file: string): Remembered {
  return parsed(recall(`last:${file}`));
}

export function keepLast(file: string, form: Remembered): void {
  remember(`last:${file}`, JSON.stringify(form));
}
