/* How a run stands against its thresholds, in words. Pure. */
import { visible } from "../lib/format";
import type { InvalidSpan, Judged, Threshold } from "../live/judged";
import type { Tone } from "../parts/status";

export interface Standing {
  word: string;
  tone: Tone;
  why: string;
}

const plural = (n: number, one: string): string => `${n} ${one}${n === 1 ? "" : "s"}`;

const grouped = (text: string): string => text.replace(/^-?\d{4,}(?![\de])/, (digits) => Number(digits).toLocaleString("en-US"));

/** "1412.3ms" with a blank before the unit, and as everywhere on the page; a dash likewise. */
export function valueWords(shown: string): string {
  return shown === "-" ? "–" : grouped(shown.replace(/^(-?[\d.]+(?:e[+-]?\d+)?)(?!e[+-])([a-zA-Z%/])/, "$1 $2"));
}

/** A limit as its value is shown. */
export function limitWords({ limit, unit }: Pick<Threshold, "limit" | "unit">): string {
  if (unit === "ratio") return `${Number((limit * 100).toPrecision(6))} %`;
  return grouped(unit === "" ? String(limit) : `${limit} ${unit}`);
}

export function titleOf({ name, text }: Pick<Threshold, "name" | "text">): string {
  return visible(name ?? text);
}

/** Names in quotes: a setting or a limit in them is part of the name. */
export const QUOTED = /'[^']*'|"[^"]*"/g;

/** In quotes, of which the grammar has two kinds and no escape: in a name with both, a star stands for one kind. */
export const quoted = (text: string): string => (text.includes("'") ? `"${text.replaceAll('"', "*")}"` : `'${text}'`);

/** As it would be typed; what was given by fields of a table is added. */
export function lineOf(one: Threshold): string {
  const said = one.text.replace(QUOTED, "");
  const settings: [string, boolean, string][] = [
    [one.action, one.action !== "continue", one.scenario === undefined ? "" : `=${one.scenario}`], ["after", one.after > 0, `=${one.after}s`], ["warmup", one.warmup > 0, `=${one.warmup}s`],
    ["min_samples", one.min_samples > 1, `=${one.min_samples}`], ["no_data", one.no_data !== "fail", `=${one.no_data}`],
  ];
  const rest = settings.filter(([word, isSet]) => isSet && !new RegExp(`,\\s*${word}\\b`).test(said)).map(([word, , value]) => `, ${word}${value}`);
  const name = one.name !== null && /[:<>=!'"{(]/.test(one.name) ? quoted(one.name) : one.name;
  return `${name === null ? "" : `${name}: `}${one.text}${rest.join("")}`;
}

/** "for 30s"; "" for all of the run. */
export function windowWords({ mode, window }: Pick<Threshold, "mode" | "window">): string {
  return mode === "all" ? "" : `${mode} ${window} s`;
}

const ORDER: Record<Threshold["state"], number> = { fail: 0, "no data": 1, "not yet": 2, pass: 3 };

/** What fails the run comes first; those alike stay in the order in which they were given. */
export function byUrgency(list: readonly Threshold[]): Threshold[] {
  return [...list].sort((a, b) => Number(b.failed) - Number(a.failed) || ORDER[a.state] - ORDER[b.state]);
}

export function toneOf(one: Pick<Threshold, "state" | "failed" | "action">): Tone {
  if (one.failed) return "fail";
  if (one.state === "fail" || one.state === "no data") return "warn";
  return one.state === "pass" ? "pass" : "idle";
}

export function stateWords(one: Pick<Threshold, "state" | "failed" | "valid">): string {
  const isTold = !one.failed && (one.state === "fail" || one.state === "no data");
  return `${one.state}${isTold ? ", only told" : ""}${one.state === "fail" && !one.valid ? " (measurement not valid)" : ""}`;
}

function broken(list: readonly Threshold[]): string {
  const [fails, absent] = [list.filter((one) => one.failed && one.state === "fail").length, list.filter((one) => one.failed && one.state === "no data").length];
  const of = plural(list.length, "threshold");
  const words = [...(fails > 0 ? [`${fails} of ${of} ${fails === 1 ? "is" : "are"} broken`] : []), ...(absent > 0 ? [`${fails > 0 ? absent : `${absent} of ${of}`} had no data`] : [])];
  return words.join(", ");
}

/** All of it in one word, and why. hasRun: there is something to judge. */
export function standingOf(judged: Judged, hasRun: boolean): Standing {
  const { thresholds: list, failed, over, valid } = judged;
  const caution = valid ? "" : " The measurement was not valid all the time.";
  if (list.length === 0)
    return valid ? { word: "no thresholds", tone: "idle", why: "Nothing says yet when this test has passed." } : { word: "not valid", tone: "warn", why: "A worker could not keep up: what was measured then is its own delay too." };
  if (!hasRun) return { word: "not begun", tone: "idle", why: `${plural(list.length, "threshold")} will be judged once a test runs.` };
  if (over && !valid && judged.fail_on_invalid) return { word: "not valid", tone: "fail", why: `The measurement cannot be believed, and --fail-on-invalid makes that the verdict. ${failed > 0 ? `${broken(list)}.` : "All thresholds held."}` };
  if (failed > 0) return { word: over ? "failed" : "failing", tone: "fail", why: `${broken(list)}.${caution}` };
  if (over) return { word: "passed", tone: valid ? "pass" : "warn", why: `${list.length === 1 ? "The threshold held" : `All ${list.length} thresholds held`}.${caution}` };
  const waiting = list.filter((one) => one.state === "not yet").length;
  if (waiting === list.length) return { word: "not yet", tone: "idle", why: `${plural(list.length, "threshold")}, nothing to judge so far.${caution}` };
  return { word: "passing", tone: valid ? "pass" : "warn", why: `${plural(list.length - waiting, "threshold")} of ${list.length} ${list.length - waiting === 1 ? "holds" : "hold"} so far${waiting > 0 ? `, ${waiting} with nothing to judge yet` : ""}.${caution}` };
}

export interface InvalidWorker {
  name: string;
  seconds: number;
  spans: { from: number; to: number; why: string }[];
}

/** By worker, the longest first. */
export function byWorker(invalid: readonly InvalidSpan[]): InvalidWorker[] {
  const all = new Map<string, InvalidWorker>();
  for (const [from, to, , name, why] of invalid) {
    const worker = all.get(name) ?? { name, seconds: 0, spans: [] };
    worker.seconds += Math.max(0, to - from);
    worker.spans.push({ from, to, why });
    all.set(name, worker);
  }
  return [...all.values()].sort((a, b) => b.seconds - a.seconds);
}

/** Tags behind the name of a metric: "checks{check:status is 200}". */
export function tagsOf(scope: string): Record<string, string> {
  const inner = /\{(.*)\}$/.exec(scope)?.[1] ?? "";
  return Object.fromEntries(inner.split(",").filter((part) => part.includes(":")).map((part) => [part.slice(0, part.indexOf(":")), part.slice(part.indexOf(":") + 1)]));
}
