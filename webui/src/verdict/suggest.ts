/* What may come next in the text of a threshold, by docs/verdicts.md. Pure. */
import { quoted } from "./words";

export interface Suggestion {
  /** The whole text with it. */
  text: string;
  label: string;
  title: string;
}

/** What this run has names for. */
export interface Names {
  rows: readonly string[];
  metrics: readonly string[];
  groups: readonly string[];
  classes: readonly string[];
}

const MOST = 8;
const STATS: readonly [string, string][] = [
  ["p95", "95 % of the requests were faster"], ["p99", "99 % were faster"], ["avg", "mean response time"], ["max", "the slowest"], ["fail_ratio", "failed part of the requests"],
  ["rps", "requests per second"], ["fails", "failed requests"], ["count", "requests"], ["apdex(500ms)", "satisfied users"], ["status(5xx)", "answers by class"],
  ["check_ratio", "part of the checks that held"], ["rate", "of a metric"], ["value", "of a metric"], ["worker_cpu", "the busiest worker, percent"], ["loop_lag_p99", "the latest worker"], ["users", "users"],
];
const LIMITS: Record<string, readonly string[]> = {
  p: ["< 300ms", "< 500ms", "< 1s"], avg: ["< 200ms"], max: ["< 2s"], med: ["< 200ms"], fail_ratio: ["< 1%", "< 0.1%"], rps: ["> 100"], fails: ["== 0", "< 10"], count: ["> 1000"],
  apdex: ["> 0.9"], status: ["< 1%"], check_ratio: ["> 99%"], rate: ["> 99%", "< 0.5%"], worker_cpu: ["< 90"], loop_lag: ["< 100ms"],
};
const WINDOWS: readonly [string, string][] = [["for 30s", "each of 30 seconds violates it"], ["within 30s", "the last 30 s together do"], ["over 1m", "the same, once there is a minute"]];
const ACTIONS: readonly [string, string][] = [["stop", "the test is stopped"], ["warn", "only told"], ["after=10s", "nothing is stopped before"], ["warmup=30s", "the first 30 s do not count"]];

const VALUE = /(?:[<>]=?|==|!=)\s*[\d.]+\s*(?:us|ms|s|m|h|%|\/s|B|kB|MB)?/;

function limitsFor(stat: string): readonly string[] {
  const key = Object.keys(LIMITS).find((name) => (name === "p" ? /^p\(?\d/.test(stat) : stat.startsWith(name)));
  return key === undefined ? [] : LIMITS[key]!;
}

/** Completes the last word: what is typed of it is replaced. Names are found by any part of them, words of the grammar (without a tail) by
 * their beginning. */
function completed(head: string, typed: string, choices: readonly (readonly [string, string])[], tail = " "): Suggestion[] {
  const low = typed.toLowerCase().replaceAll(/['"]/g, "");
  return choices
    .filter(([label]) => {
      const name = label.toLowerCase().replaceAll(/['"]/g, "");
      return (tail === "" ? name.startsWith(low) : name.includes(low)) && label !== typed;
    })
    .slice(0, MOST)
    .map(([label, title]) => ({ text: `${head}${label}${tail}`, label, title }));
}

function selectors(names: Names): [string, string][] {
  return [
    ...names.rows.map((row): [string, string] => [quoted(row), "requests"]), ...names.metrics.map((name): [string, string] => [name, "metric"]),
    ...names.groups.map((name): [string, string] => [`group ${quoted(name)}`, "time of a group"]), ...names.classes.map((name): [string, string] => [`class ${quoted(name)}`, "requests of a class"]),
  ];
}

export function suggestions(text: string, names: Names): Suggestion[] {
  const body = text.replace(/^\s*[\w-]+:\s*/, "");
  const lead = text.slice(0, text.length - body.length);
  const value = VALUE.exec(body);
  if (value !== null) {
    const [head, rest] = [lead + body.slice(0, value.index + value[0].length), body.slice(value.index + value[0].length)];
    const action = /^(.*,\s*)([\w=]*)$/.exec(rest);
    if (action !== null) return completed(head + action[1]!, action[2]!, ACTIONS, "");
    if (rest.trim() === "" && !/\s$/.test(text)) return []; // it is whole: a list would only lie on what comes next
    if (rest.trim() === "") return [...completed(`${head.trimEnd()} `, "", WINDOWS, ""), { text: `${head.trimEnd()}, stop`, label: ", stop", title: "the test is stopped" }];
    return /^\s+\w*$/.test(rest) ? completed(`${head} `, rest.trim(), WINDOWS, "") : [];
  }
  const of = /^(.*?\bof\s+)(.*)$/.exec(body);
  const stat = /^\s*([\w().]+)\s+/.exec(body);
  const limits = (head: string): Suggestion[] => limitsFor(stat?.[1] ?? "").map((limit) => ({ text: `${head.trimEnd()} ${limit}`, label: limit, title: "limit" }));
  if (of !== null) {
    const isWhole = /^((?:(?:group|class|worker)\s+)?(?:'[^']*'|"[^"]*")|[\w.]+(\{[^}]*\})?)\s+$/.test(of[2]!);
    return isWhole ? limits(text) : completed(lead + of[1]!, of[2]!, selectors(names));
  }
  if (stat !== null) return [...limits(text), ...("of".startsWith(body.slice(stat[0].length)) ? [{ text: `${lead}${stat[0].trimEnd()} of `, label: "of …", title: "of one endpoint, metric, group or class" }] : [])];
  return completed(lead, body.trim(), STATS);
}
