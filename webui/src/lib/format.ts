/* Numbers and times as people read them. Everything here is pure. A missing value is "–". */

export const MISSING = "–";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

function isMissing(value: number | null | undefined): value is null | undefined {
  return value === null || value === undefined || !Number.isFinite(value);
}

/** 1234567 → "1,234,567" */
export function count(value: number | null | undefined): string {
  return isMissing(value) ? MISSING : whole.format(value);
}

/** 4330000 → "4.33 M": for tiles and axes, where room is short. */
export function shortCount(value: number | null | undefined): string {
  if (isMissing(value)) return MISSING;
  if (value < 100_000) return whole.format(value);
  if (value < 1_000_000) return `${(value / 1000).toFixed(0)} k`;
  if (value < 1_000_000_000) return `${(value / 1_000_000).toFixed(2)} M`;
  return `${(value / 1_000_000_000).toFixed(2)} G`;
}

/** In four characters at most: 999, 12k, 3M. Rounded down. */
export function badgeCount(value: number): string {
  if (value < 1000) return String(value);
  return value < 1_000_000 ? `${Math.floor(value / 1000)}k` : `${Math.floor(value / 1_000_000)}M`;
}

/** Events per second: three significant digits below 100. */
export function rate(value: number | null | undefined): string {
  if (isMissing(value)) return MISSING;
  if (value === 0) return "0";
  if (value < 0.01) return "< 0.01";
  if (value < 10) return value.toFixed(2);
  if (value < 100) return value.toFixed(1);
  return whole.format(value);
}

/** Milliseconds below 10 s, where a heading names the unit. */
function milliseconds(value: number): string {
  if (value === 0) return "0";
  if (value < 0.005) return "< 0.01";
  if (value < 1) return value.toFixed(2);
  if (value < 10) return value.toFixed(1);
  return whole.format(value);
}

/** A duration as [number, unit], as it is written everywhere: seconds from 10 s on. */
export function duration(value: number | null | undefined): [string, string] {
  if (isMissing(value)) return [MISSING, ""];
  if (value < 10_000) return [milliseconds(value), "ms"];
  const seconds = value / 1000;
  return [seconds < 1000 ? seconds.toFixed(1).replace(/\.0$/, "") : whole.format(seconds), "s"];
}

/** A duration that somebody set, such as a timeout: "3 s", "500 ms". */
export function durationWords(value: number): string {
  return value >= 1000 ? `${Number((value / 1000).toFixed(2))} s` : duration(value).join(" ");
}

/** The same under a heading that says ms: another unit is named. */
export function ms(value: number | null | undefined): string {
  const [text, unit] = duration(value);
  return unit === "s" ? `${text} s` : text;
}

/** A part of a whole in percent. Never "0" for something, never "100" for less than all. */
export function percent(part: number, all: number): string {
  if (!(all > 0)) return part > 0 ? "100" : MISSING;
  const value = (100 * part) / all;
  if (value === 0) return "0";
  if (value < 0.01) return "< 0.01";
  if (value < 1) return value.toFixed(2);
  if (value >= 100) return "100";
  const text = value < 10 ? value.toFixed(2) : value.toFixed(1);
  return text === "100.0" ? "> 99.9" : text;
}

/** A change: "+18 %", "−0.5 %", "0 %". */
export function signedPercent(value: number | null | undefined, digits: number): string {
  return isMissing(value) ? MISSING : `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })} %`;
}

export function bytes(value: number | null | undefined): string {
  if (isMissing(value)) return MISSING;
  if (value < 1000) return `${Math.round(value)} B`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(1)} kB`;
  if (value < 1_000_000_000) return `${(value / 1_000_000).toFixed(0)} MB`;
  return `${(value / 1_000_000_000).toFixed(2)} GB`;
}

/** Seconds as "1:02:03" or "02:03". */
export function clock(seconds: number): string {
  const total = Math.max(0, Math.floor(seconds));
  const h = Math.floor(total / 3600);
  const m = String(Math.floor((total % 3600) / 60)).padStart(2, "0");
  const s = String(total % 60).padStart(2, "0");
  return h > 0 ? `${h}:${m}:${s}` : `${m}:${s}`;
}

/** Seconds as Locust writes run times: "1h20m". */
export function timespan(seconds: number): string {
  if (!(seconds > 0)) return "";
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const s = Math.floor(seconds % 60);
  return `${h ? `${h}h` : ""}${m ? `${m}m` : ""}${s ? `${s}s` : ""}`;
}

/** Unix seconds as the browser's time of day. */
export function timeOfDay(seconds: number): string {
  if (!(seconds > 0)) return MISSING;
  const at = new Date(seconds * 1000);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** Unix seconds as a day of the browser's calendar and its time of day. */
export function dayAndTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
}

/* Controls and the characters that reorder text are shown, not obeyed: names and messages come
 * from the tested system. */
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

export function visible(text: string): string {
  return text.replace(
    UNSAFE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** An id of a worker as people tell them apart: of 32 random digits the first six. */
export function shortId(id: string): string {
  return visible(id.replace(/_([0-9a-f]{6})[0-9a-f]{26}$/, "_$1"));
}

/** Unix seconds in UTC. */
export function timeUtc(seconds: number): string {
  return seconds > 0 ? new Date(seconds * 1000).toISOString().slice(11, 19) : MISSING;
}

/** Bytes per second for axes and legends. */
export function byteRate(value: number | null | undefined): string {
  return isMissing(value) ? MISSING : value === 0 ? "0" : `${bytes(value)}/s`;
}

/** Milliseconds with the unit: "231 ms", "12.3 s". */
export function msUnit(value: number | null | undefined): string {
  return duration(value).join(" ").trim();
}

/** A round number of milliseconds, on an axis of powers: "0.1 ms", "3 ms", "10 s". */
export function roundMs(value: number): string {
  return value < 1000 ? `${Number(value.toPrecision(3))} ms` : msUnit(value);
}
