/* What the master knows of the locustfile: classes, shapes, options, its text. Fetched when the
 * screen opens and after a reload; null until then. */
import { signal } from "@preact/signals";
import { askJson } from "../../live/ask";
import type { Step } from "./plan";

export interface TaskTree {
  [name: string]: { ratio: number; tasks?: TaskTree };
}

export interface UserClass {
  name: string;
  weight: number;
  fixed_count: number;
  host: string | null;
  needs_host: boolean;
  is_chosen: boolean;
  tasks: TaskTree;
  all_tasks: string[];
  help: string;
}

export type OptionValue = string | number | boolean | string[] | null;

export interface Option {
  name: string;
  type: "bool" | "int" | "float" | "text" | "choice" | "list";
  default: OptionValue;
  help: string;
  choices: (string | number)[] | null;
  is_secret: boolean;
  is_required: boolean;
  is_multiple: boolean;
}

export interface Shape {
  name: string;
  use_common_options: boolean;
  plan: Step[] | null;
}

export interface Script {
  file: string;
  text: string | null;
  sha256: string;
  files: { file: string; text: string | null; sha256: string }[];
  loaded_at: number;
  choices?: string[]; // locustfiles of its folder
  classes: UserClass[];
  shape: Shape | null;
  /** How many scenarios decide about the load, as the master's state says. */
  scenarios?: number;
  shapes: string[];
  options: Option[];
  error: string | null;
}

export const script = signal<Script | null>(null);
export const scriptTrouble = signal("");

export async function loadScript(): Promise<void> {
  try {
    const answer = await askJson<Script | Record<string, never>>("script");
    if ("classes" in answer) script.value = answer as Script;
    scriptTrouble.value = "classes" in answer ? "" : "The locustfile is being loaded.";
  } catch (error) {
    scriptTrouble.value = String((error as Error).message);
  }
}

/** Tasks at the ends of the trees, by the names a person gave them. */
export function countTasks(classes: UserClass[]): number {
  const leaves = (tree: TaskTree): number =>
    Object.values(tree).reduce((sum, node) => sum + (node.tasks ? leaves(node.tasks) : 1), 0);
  return classes.reduce((sum, one) => sum + leaves(one.tasks), 0);
}
