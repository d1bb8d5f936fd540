import { expect, test } from "vitest";
import { asText, EMPTY_BUFFER, filtered, LINES_KEPT, merged } from "../../src/screens/logs/log-buffer";
import type { LogTuple } from "../../src/live/protocol";

function line(seq: number, level = "INFO", source = "master", text = `line ${seq}`, times = 1): LogTuple {
  return [seq, 1000 + seq, level, source, "katydid", text, times];
}
const answer = (lines: LogTuple[], dropped = 0) => ({ seq: lines.at(-1)?.[0] ?? 0, first: 1, dropped, lines });

test("lines add up, and one that repeats replaces itself", () => {
  let buffer = merged(EMPTY_BUFFER, answer([line(1), line(2)]));
  buffer = merged(buffer, answer([line(2, "INFO", "master", "line 2", 5), line(3)], 7));
  expect(buffer.lines.map(([seq, , , , , , times]) => [seq, times])).toEqual([[1, 1], [2, 5], [3, 1]]);
  expect(buffer.dropped).toBe(7);
});

test("another master's lines begin a new buffer", () => {
  const old = merged(EMPTY_BUFFER, answer([line(50)]));
  expect(merged(old, answer([line(1)])).lines).toEqual([line(1)]);
});

test("the buffer is bounded", () => {
  const many = Array.from({ length: LINES_KEPT + 10 }, (_, i) => line(i + 1));
  expect(merged(EMPTY_BUFFER, answer(many)).lines).toHaveLength(LINES_KEPT);
});

test("level, source, words and expressions choose lines", () => {
  const lines = [line(1, "DEBUG"), line(2, "WARNING", "w1", "disk nearly full"), line(3, "ERROR", "w2", "user 17 failed")];
  const seqs = (filter: object) => filtered(lines, { level: "INFO", source: "", text: "", ...filter }).map(([seq]) => seq);
  expect(seqs({})).toEqual([2, 3]);
  expect(seqs({ level: "ERROR" })).toEqual([3]);
  expect(seqs({ source: "w1" })).toEqual([2]);
  expect(seqs({ text: "FULL disk" })).toEqual([2]);
  expect(seqs({ text: "/user \\d+/" })).toEqual([3]);
  expect(seqs({ text: "/user (/" })).toEqual([2, 3]); // not finished typing
});

test("saved as text with how often a line came", () => {
  expect(asText([line(1, "INFO", "master", "again", 3)])).toBe("1970-01-01T00:16:41.000Z INFO master katydid: again (3 times)\n");
});
