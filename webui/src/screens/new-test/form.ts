/* The form of a new test as data: its values, what is sent to the master, and the same as a
 * command line. Pure. */
import { timespan } from "../../lib/format";
import type { RunFields } from "../../live/protocol";
import type { ScenariosAnswer } from "../../live/scenarios";
import { completed } from "./host";
import type { Option, OptionValue, Script, UserClass } from "./script";

export interface ClassChoice {
  isChosen: boolean;
  weight: string;
  fixed: string;
  tasks: string[] | null; // null: all of them
}

export interface TestForm {
  users: string;
  spawn_rate: string;
  run_time: string;
  host: string;
  shape: string; // "": the one the locustfile has, or none
  classes: Record<string, ClassChoice>;
  options: Record<string, OptionValue>; // only those that differ from their default
  thresholds: string[]; // lines, some of which may be empty
}

export type Remembered = Partial<Omit<TestForm, "classes">> & { classes?: Record<string, Partial<ClassChoice>> };

/** What the master knows: the load of the last test, or of its command line, and the values that the
 * locustfile's options have. What was sent last from this browser counts for a master without a run. */
export function firstForm(run: RunFields | null, script: Script, remembered: Remembered): TestForm {
  const last = run !== null && run.run !== "" ? {} : remembered;
  const [users, rate] = run?.next ?? [null, null];
  const known = new Set(script.options.map((option) => option.name));
  return {
    users: String(users ?? last.users ?? "1"),
    spawn_rate: String(rate ?? last.spawn_rate ?? "1"),
    run_time: run !== null && run.run_time > 0 ? timespan(run.run_time) : (last.run_time ?? ""),
    host: run?.host || (last.host ?? ""),
    shape: script.shapes.includes(last.shape ?? "") ? last.shape! : "",
    classes: Object.fromEntries(script.classes.map((one) => [one.name, {
      isChosen: last.classes?.[one.name]?.isChosen ?? one.is_chosen,
      weight: last.classes?.[one.name]?.weight ?? String(one.weight),
      fixed: last.classes?.[one.name]?.fixed ?? String(one.fixed_count),
      tasks: null,
    }])),
    options: Object.fromEntries(Object.entries(last.options ?? {}).filter(([name]) => known.has(name))),
    thresholds: remembered.thresholds ?? [],
  };
}

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

function typedOver<T extends object>(typed: T, was: Partial<T>, next: T): T {
  const changed = Object.entries(typed).filter(([name, value]) => !isSame(value, was[name as keyof T]));
  return { ...next, ...Object.fromEntries(changed) };
}

function renewedChoice(one: UserClass, form: TestForm, was: TestForm, next: TestForm): ClassChoice {
  const choice = typedOver(form.classes[one.name] ?? next.classes[one.name]!, was.classes[one.name] ?? {}, next.classes[one.name]!);
  return choice.tasks?.every((task) => one.all_tasks.includes(task)) ?? true ? choice : { ...choice, tasks: null };
}

/** The values when the master tells of the locustfile anew: `next` in place of `was`, but for what
 * somebody has changed in the form. Classes, tasks and options that are gone take their choices along. */
export function renewed(form: TestForm, was: TestForm, next: TestForm, script: Script): TestForm {
  const known = new Set(script.options.map((option) => option.name));
  const options = isSame(form.options, was.options) ? next.options : form.options;
  return {
    ...typedOver(form, was, next),
    shape: script.shapes.includes(form.shape) ? form.shape : next.shape,
    classes: Object.fromEntries(script.classes.map((one) => [one.name, renewedChoice(one, form, was, next)])),
    options: Object.fromEntries(Object.entries(options).filter(([name]) => known.has(name))),
  };
}

/** What a preset keeps: no secrets. */
export function rememberable(form: TestForm, script: Script): Remembered {
  const secrets = new Set(script.options.filter((option) => option.is_secret).map((option) => option.name));
  return { ...form, options: Object.fromEntries(Object.entries(form.options).filter(([name]) => !secrets.has(name))) };
}

/** A shape that decides alone, or scenarios, leave users and rate without a say. */
export function isLoadFixed(script: Script): boolean {
  return (script.scenarios ?? 0) > 0 || isShapeAlone(script);
}

const isShapeAlone = (script: Script): boolean => script.shape !== null && !script.shape.use_common_options;

function settingsOf(form: TestForm, script: Script): Record<string, object> {
  const settings: Record<string, object> = {};
  for (const one of script.classes) {
    const choice = form.classes[one.name];
    if (choice === undefined || !choice.isChosen) continue;
    const change: Record<string, unknown> = {};
    if (choice.weight !== String(one.weight)) change["weight"] = Number(choice.weight);
    if (choice.fixed !== String(one.fixed_count)) change["fixed_count"] = Number(choice.fixed);
    if (choice.tasks !== null) change["tasks"] = choice.tasks;
    if (Object.keys(change).length > 0) settings[one.name] = change;
  }
  return settings;
}

function givenThresholds(form: TestForm): string[] {
  return form.thresholds.map((line) => line.trim()).filter((line) => line !== "");
}

export function chosenClasses(form: TestForm): string[] {
  return Object.entries(form.classes).filter(([, choice]) => choice.isChosen).map(([name]) => name);
}

/** Values as the locustfile's code expects them; what is no number goes as it is, and is refused. */
export function typedOptions(form: TestForm, script: Script): Record<string, OptionValue> {
  const types = new Map(script.options.map((option) => [option.name, option.type]));
  return Object.fromEntries(Object.entries(form.options).map(([name, value]) => {
    const isNumber = ["int", "float"].includes(types.get(name) ?? "") && typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value));
    return [name, isNumber ? Number(value) : value];
  }));
}

/** The body of start and check. What is as the locustfile has it is left out. */
export function startFields(form: TestForm, script: Script): object {
  const chosen = chosenClasses(form);
  const settings = settingsOf(form, script);
  return {
    ...(isShapeAlone(script) ? {} : { users: form.users.trim(), spawn_rate: form.spawn_rate.trim() }),
    host: completed(form.host),
    run_time: form.run_time.trim(),
    ...(chosen.length < script.classes.length ? { user_classes: chosen } : {}),
    ...(form.shape !== "" ? { shape_class: form.shape } : {}),
    ...(Object.keys(form.options).length > 0 ? { options: typedOptions(form, script) } : {}),
    ...(Object.keys(settings).length > 0 ? { class_settings: settings } : {}),
    ...(givenThresholds(form).length > 0 ? { thresholds: givenThresholds(form) } : {}),
  };
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function optionWords(option: Option, value: OptionValue): string[] {
  const name = `--${option.name.replaceAll("_", "-")}`;
  if (option.is_secret) return [name, "SECRET"];
  if (option.type === "bool") return value ? [name] : [];
  return [name, ...(Array.isArray(value) ? value : [String(value ?? "")]).map(quoted)];
}

/** The command that runs this test without the page. Settings of single classes have no option
 * but --config-users. */
export function commandLine(form: TestForm, script: Script, load: ScenariosAnswer | null = null): string {
  const scenarios = load?.scenarios.filter((one) => !one.is_of_all) ?? [];
  const words = ["katydid", "-f", quoted(script.file)];
  if (form.host.trim()) words.push("-H", quoted(completed(form.host)));
  if (scenarios.length > 0) words.push(...(load!.is_of_script ? [] : scenarios.flatMap(({ text, name }) => ["--scenario", quoted(text ?? `${name}:…`)])));
  else if (!isLoadFixed(script)) words.push("-u", quoted(form.users.trim()), "-r", quoted(form.spawn_rate.trim()));
  if (form.run_time.trim()) words.push("-t", quoted(form.run_time.trim()));
  for (const option of script.options)
    if (option.name in form.options) words.push(...optionWords(option, form.options[option.name]!));
  for (const text of givenThresholds(form)) words.push("--threshold", quoted(text));
  const settings = Object.entries(settingsOf(form, script));
  if (settings.length > 0)
    words.push("--config-users", ...settings.map(([name, change]) => quoted(JSON.stringify({ user_class_name: name, ...change }))));
  words.push("--headless");
  if (chosenClasses(form).length < script.classes.length) words.push(...chosenClasses(form).map(quoted));
  return words.join(" ");
}
