/* The filter of the endpoints table (docs/filter.md): words that must all match, and conditions on columns.
 *
 *     cart -login method:post p95 > 300 ms  failed > 1 %  get|head  /^\/api/
 */
import { TABLE } from "../live/columns";

export interface Filterable {
  method: string;
  name: string;
  /** Undefined when there is no such column. */
  number(field: string): number | undefined;
}

export type Filter = (row: Filterable) => boolean;

export interface ParsedFilter {
  test: Filter;
  /** What could not be understood, for the message beside the field; "" when all is well. */
  problem: string;
}

/** Columns by what their headings say, and what a plain number there means. */
interface Field {
  key: string;
  label: string;
  unit: "ms" | "bytes" | "percent" | "count";
}

const MADE: Field[] = [
  { key: "failed", label: "Failed %", unit: "percent" }, { key: "share", label: "Time %", unit: "percent" }, { key: "size", label: "Size", unit: "bytes" },
  { key: "received", label: "In/s", unit: "bytes" }, { key: "sent", label: "Out/s", unit: "bytes" },
];
export const FIELDS: readonly Field[] = [
  ...TABLE.map(([, key, label, , unit]): Field => ({ key, label, unit: unit === "ms" || unit === "bytes" ? unit : "count" })), ...MADE,
];

/** Names as people write them: the heading, or the name in the address; without blanks and case. */
const plain = (name: string): string => name.toLowerCase().replace(/\s+/g, "");
const FIELD_OF = new Map<string, Field>([
  ...FIELDS.map((field): [string, Field] => [plain(field.key), field]), ...FIELDS.map((field): [string, Field] => [plain(field.label), field]),
]);
FIELD_OF.set("failed", FIELDS.find(({ key }) => key === "failures")!); // as the heading says; with a % it is the part

const SCALES: Record<string, [Field["unit"], number]> = {
  ms: ["ms", 1], s: ["ms", 1000], min: ["ms", 60_000], b: ["bytes", 1], kb: ["bytes", 1e3], mb: ["bytes", 1e6], gb: ["bytes", 1e9], "%": ["percent", 1], "/s": ["count", 1],
};

const CONDITION = /^([a-z0-9][a-z0-9./% ]*?)\s*(>=|<=|!=|>|<|=)\s*([0-9]+(?:[.,][0-9]+)*)\s*(ms|s|min|[kmg]?b|%|\/s)?(?=[\s|]|$)/i;
const STARTED = /^([a-z0-9][a-z0-9./%]*)\s*(>=|<=|!=|>|<|=)/i;

const TESTS: Record<string, (value: number, limit: number) => boolean> = {
  ">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, "=": (a, b) => a === b, "!=": (a, b) => a !== b,
};

function nearest(name: string): string {
  const wanted = plain(name);
  const close = FIELDS.filter(({ key, label }) => plain(label).startsWith(wanted.slice(0, 2)) || plain(key).startsWith(wanted.slice(0, 2))).map(({ label }) => label);
  return (close.length > 0 ? close : ["Requests", "Failed", "Failed %", "Req/s", "p95", "Max"]).slice(0, 6).join(", ");
}

/** The condition that the text begins with: how much of it, and the test or what is wrong. */
function condition(text: string): { length: number; made: Filter | string } | null {
  const match = CONDITION.exec(text);
  if (match === null) {
    const started = STARTED.exec(text);
    return started === null ? null : { length: text.length, made: FIELD_OF.has(plain(started[1]!)) ? `“${started[0]}” needs a number` : `no column “${started[1]}”; there are ${nearest(started[1]!)}` };
  }
  const [whole, name, operator, digits, unit] = match as unknown as [string, string, string, string, string | undefined];
  let field = FIELD_OF.get(plain(name));
  if (field === undefined && /\s/.test(name.trim())) return null; // words, and then perhaps a condition
  if (field === undefined) return { length: whole.length, made: `no column “${name}”; there are ${nearest(name)}` };
  if (field.key === "failures" && unit === "%") field = FIELD_OF.get("failed%")!;
  const [meant, scale] = unit === undefined ? [field.unit, 1] as const : SCALES[unit.toLowerCase()]!;
  if (meant !== field.unit && !(unit === "/s")) return { length: whole.length, made: `${field.label} is not in ${unit}` };
  const limit = Number(digits.replace(/,(?=\d{3}\b)/g, "").replace(",", ".")) * scale;
  const key = field.key;
  return {
    length: whole.length,
    made: (row) => {
      const value = row.number(key);
      return value !== undefined && !Number.isNaN(value) && TESTS[operator]!(value, limit);
    },
  };
}

const CLASSES: Record<string, string> = { "4": "s4", "5": "s5", "0": "s0" };

/** One word without its sign. */
function word(text: string): Filter | string {
  if (text.length > 2 && text.startsWith("/") && text.endsWith("/") && /[\\^$.*+?()[\]{}|]/.test(text)) {
    try {
      const pattern = new RegExp(text.slice(1, -1), "i");
      return (row) => pattern.test(row.name);
    } catch {
      return `“${text}” is not a regular expression`;
    }
  }
  const lower = text.toLowerCase();
  const keyed = /^(method|type|name|status):(.*)$/.exec(lower);
  if (keyed !== null) {
    const [, key, value = ""] = keyed;
    if (value === "") return `“${text}” needs a word after the colon`;
    if (key === "name") return (row) => row.name.toLowerCase().includes(value);
    if (key !== "status") return (row) => row.method.toLowerCase() === value;
    const column = /^[0-9](xx|[0-9]{2})?$/.test(value) ? CLASSES[value[0]!] : undefined;
    return column === undefined ? `status: knows 4xx, 5xx and 0 (no answer)` : (row) => (row.number(column) ?? 0) > 0;
  }
  const strange = /^([a-z]+):/.exec(lower);
  if (strange !== null && !lower.includes("/")) return `no “${strange[1]}:”; there are name:, method: and status:`;
  return (row) => row.name.toLowerCase().includes(lower) || row.method.toLowerCase() === lower;
}

/** Up to the next blank; a pattern may have blanks and "|", a text in quotes too. */
function wordLength(text: string): number {
  const whole = /^(?:\/(?:[^/\\]|\\.)*[\\^$.*+?()[\]{}|](?:[^/\\]|\\.)*\/(?=\s|$)|"[^"]*"|[^\s|]+)/.exec(text);
  return whole?.[0].length ?? 1;
}

function parseTerm(text: string): { length: number; made: Filter | string } {
  const sign = /^[-!](?=[^\s])/.exec(text) === null ? 0 : 1;
  const rest = text.slice(sign);
  const found = condition(rest) ?? ((length) => ({ length, made: word(rest.slice(0, length).replace(/^"(.*)"$/, "$1")) }))(wordLength(rest));
  const { made } = found;
  return { length: found.length + sign, made: sign === 1 && typeof made !== "string" ? (row) => !made(row) : made };
}

export function parseFilter(text: string): ParsedFilter {
  const all: Filter[][] = []; // each of several that may be true instead
  const problems: string[] = [];
  let rest = text.trimStart();
  let isOr = false;
  let prefix = "";
  while (rest !== "") {
    const { length, made } = parseTerm(prefix + rest);
    const used = length - prefix.length;
    if (typeof made === "string") problems.push(made);
    else if (isOr && all.length > 0) all.at(-1)!.push(made);
    else all.push([made]);
    const taken = prefix + rest.slice(0, used);
    rest = rest.slice(Math.max(1, used));
    const or = /^\s*\|\s*/.exec(rest);
    isOr = or !== null;
    // method:get|post means method:get|method:post
    prefix = isOr ? (/^[-!]?(?:method|type|name|status):/i.exec(taken)?.[0] ?? "") : "";
    rest = rest.slice(or?.[0].length ?? 0).trimStart();
    if (prefix !== "" && /^(?:method|type|name|status):/i.test(rest)) prefix = "";
  }
  return { test: (row) => all.every((choice) => choice.some((test) => test(row))), problem: [...new Set(problems)].join("; ") };
}

export interface Suggestion {
  /** The whole text with it. */
  text: string;
  label: string;
  title: string;
}

const MOST = 6;

/** What may come at the end of a text. */
export function suggest(text: string): Suggestion[] {
  const last = /(?:^|[\s|])([-!]?)([^\s|]*)$/.exec(text);
  const begun = last?.[2] ?? "";
  if (begun === "" || /[><=:/]/.test(begun)) return [];
  const head = text.slice(0, text.length - begun.length);
  const fields = FIELDS.filter(({ key, label }) => plain(label).startsWith(plain(begun)) || plain(key).startsWith(plain(begun)))
    .map(({ key, label, unit }) => ({ text: `${head}${label} > `, label: `${label} >`, title: TABLE.find(([, other]) => other === key)?.[3] ?? `in ${unit}` }));
  const keyed = ["name:", "method:", "status:"].filter((key) => key.startsWith(begun.toLowerCase()))
    .map((key) => ({ text: `${head}${key}`, label: key, title: key === "status:" ? "4xx, 5xx or 0" : "" }));
  return [...keyed, ...fields].slice(0, MOST);
}
