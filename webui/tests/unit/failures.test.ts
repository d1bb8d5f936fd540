import { expect, test } from "vitest";
import type { Failure } from "../../src/live/protocol";
import { rowsOf } from "../../src/screens/failures/model";
import { parts } from "../../src/screens/failures/traceback";

const failure = (id: number, name: string, text: string, inRange: number, extra: Partial<Failure> = {}): Failure => ({
  id, method: "GET", name, text, kind: text.replace(/\d+/g, "#"), count: inRange + 1, in_range: inRange, first: 100 + id, last: 200 + id, trend: [inRange, 0], ...extra,
});

test("messages that differ in numbers only are one kind, and nothing of the range is lost", () => {
  const rows = rowsOf([failure(1, "/a", "price 12", 3), failure(2, "/a", "price 13", 5), failure(3, "/b", "price 14", 1), failure(4, "/a", "gone", 0)], "kind");
  expect(rows.map((row) => [row.name, row.message, row.inRange])).toEqual([["/a", "price #", 8], ["/b", "price #", 1]]);
  expect(rows[0]).toMatchObject({ texts: ["price 13", "price 12"], ids: [2, 1], first: 101, last: 202, trend: [8, 0] });
});

test("by endpoint every kind of one endpoint is together", () => {
  const rows = rowsOf([failure(1, "/a", "one", 3), failure(2, "/a", "two", 5)], "endpoint");
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ inRange: 8, message: "two" });
});

test("a master that counts the whole run only is taken at its word", () => {
  const { in_range: _none, ...whole } = failure(1, "/a", "one", 3);
  expect(rowsOf([whole], "kind")[0]!.inRange).toBe(4);
});

const TRACE = `Traceback (most recent call last):
  File "/usr/lib/katydid/pylib/locust/user/task.py", line 340, in run
    self.execute_next_task()
    ^^^^^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads
    return _default_decoder.decode(s)
  File "/home/me/shop.py", line 88, in checkout
    token = body["token"]
KeyError: 'token'
`;

test("frames of the script stand out between folded ones of libraries", () => {
  expect(parts(TRACE).map((part) => [part.kind, part.frames])).toEqual([["words", 0], ["library", 2], ["script", 1], ["words", 0]]);
  expect(parts(TRACE).map((part) => part.text).join("\n")).toBe(TRACE.trimEnd());
});

test("what is no traceback is words", () => {
  expect(parts("boom\n  indented")).toEqual([{ kind: "words", text: "boom\n  indented", frames: 0 }]);
  expect(parts("")).toHaveLength(1);
});
