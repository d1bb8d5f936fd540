/* Log lines of the master, the host and the workers, as far as this browser keeps them; and what a
 * person wants to see of them. */

import type { LogsAnswer, LogTuple } from "../../live/protocol";

export const LINES_KEPT = 5000;
export const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

export interface LogBuffer {
  lines: LogTuple[];
  seq: number; // of the newest line; 0: none yet
  dropped: number; // at the master, by its rate limit
}

export const EMPTY_BUFFER: LogBuffer = { lines: [], seq: 0, dropped: 0 };

/** A line that repeats comes again under its number, with a higher count. */
export function merged(buffer: LogBuffer, answer: LogsAnswer): LogBuffer {
  if (answer.seq < buffer.seq) return merged(EMPTY_BUFFER, answer); // another master
  if (answer.lines.length === 0) return answer.dropped === buffer.dropped ? buffer : { ...buffer, dropped: answer.dropped };
  const oldest = answer.lines[0]![0];
  let keep = buffer.lines.length;
  while (keep > 0 && buffer.lines[keep - 1]![0] >= oldest) keep--;
  const lines = [...buffer.lines.slice(0, keep), ...answer.lines].slice(-LINES_KEPT);
  return { lines, seq: answer.seq, dropped: answer.dropped };
}

export interface LogFilter {
  level: string;
  source: string; // "": all
  text: string; // words, or /a regular expression/
}

function matcher(text: string): (line: string) => boolean {
  const found = /^\/(.+)\/$/.exec(text.trim());
  if (found !== null) {
    try {
      const expression = new RegExp(found[1]!, "i");
      return (line) => expression.test(line);
    } catch {
      return () => true; // not finished typing
    }
  }
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (line) => words.every((word) => line.toLowerCase().includes(word));
}

export function filtered(lines: LogTuple[], filter: LogFilter): LogTuple[] {
  const lowest = LEVELS.indexOf(filter.level as (typeof LEVELS)[number]);
  const matches = matcher(filter.text);
  return lines.filter(([, , level, source, logger, text]) => {
    const rank = LEVELS.indexOf(level as (typeof LEVELS)[number]);
    return (rank < 0 || rank >= lowest) && (filter.source === "" || filter.source === source) && matches(`${logger} ${text}`);
  });
}

export function asText(lines: LogTuple[]): string {
  return lines
    .map(([, at, level, source, logger, text, times]) =>
      `${new Date(at * 1000).toISOString()} ${level} ${source} ${logger}: ${text}${times > 1 ? ` (${times} times)` : ""}\n`)
    .join("");
}
