import { expect, test } from "vitest";
import type { Failure } from "../../src/live/protocol";
import { causeOf } from "../../src/screens/failures/cause";
import { rowsOf } from "../../src/screens/failures/model";
import { titleOf } from "../../src/screens/failures/traceback";

test.each([
  ["LocustBadStatusCode(code=404)", "404 Not Found"],
  ["HTTPError('503 Server Error: Service Unavailable for url: /a/#')", "503 Service Unavailable"],
  ["404 Client Error: Not Found for url: http://h/x", "404 Not Found"],
  ["HTTP 500", "500 Internal Server Error"],
  ["BadStatusCode('http://h/', 429)", "429 Too Many Requests"],
  ["ConnectionRefusedError(111, 'Connection refused')", "Connection refused"],
  ["ConnectionError(MaxRetryError(\"HTTPConnectionPool(host='h', port=1): Max retries exceeded (Caused by NewConnectionError('Failed: [Errno 111] Connection refused'))\"))", "Connection refused"],
  ["RemoteDisconnected('Remote end closed connection without response')", "Connection closed by the server before the answer"],
  ["ConnectionResetError(104, 'Connection reset by peer')", "Connection reset by the server"],
  ["gaierror(-2, 'Name or service not known')", "Unknown host name"],
  ["gaierror(-#, 'Name or service not known')", "Unknown host name"],
  ["ReadTimeout(ReadTimeoutError(\"HTTPConnectionPool(host='h', port=80): Read timed out. (read timeout=3)\"))", "Timeout after 3 s"],
  ["timed out after 30.5 s", "Timeout after 30.5 s"],
  ["timed out", "Timeout"],
  ["SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate'))", "TLS certificate not accepted"],
  ["Exception('order # of customer # is gone')", "order # of customer # is gone"],
  ["CatchResponseError('wrong total')", "wrong total"],
  ["ValueError('no such order: 42')", "ValueError: no such order: 42"],
  ["KeyError()", "KeyError()"],
  ["what my script says", "what my script says"],
  ["", "No reason given"],
])("%s is %s", (text, cause) => expect(causeOf(text)).toBe(cause));

const failure = (id: number, method: string, name: string, text: string, inRange: number): Failure => ({
  id, method, name, text, kind: text, count: inRange, in_range: inRange, first: id, last: 10 + id, trend: [inRange],
});

test("a cause is one row with its endpoints beneath, the most failing first", () => {
  const rows = rowsOf([
    failure(1, "GET", "/a", "ConnectionRefusedError(111, 'Connection refused')", 11),
    failure(2, "POST", "/b", "ConnectionError('… [Errno 111] Connection refused')", 41),
    failure(3, "GET", "/a", "LocustBadStatusCode(code=404)", 5),
  ], "cause");
  expect(rows.map((row) => [row.message, row.inRange])).toEqual([["Connection refused", 52], ["404 Not Found", 5]]);
  expect(rows[0]!.endpoints).toEqual([{ method: "POST", name: "/b", inRange: 41 }, { method: "GET", name: "/a", inRange: 11 }]);
});

test("an exception names its class", () => {
  const traceback = "Traceback (most recent call last):\n  File \"/x/shop.py\", line 12, in buy\n    raise ValueError(\"no such order: 42\")\nValueError: no such order: 42\n";
  const one = { count: 1, message: "no such order: 42", traceback, nodes: "", first: 0, last: 0 };
  expect(titleOf(one)).toBe("ValueError: no such order: 42");
  expect(titleOf({ ...one, message: "", traceback: "Traceback …\nshop.errors.Gone" })).toBe("shop.errors.Gone");
  expect(titleOf({ ...one, message: "ValueError: twice", traceback: "x\nValueError: twice" })).toBe("ValueError: twice");
  const frames = '  File "/x/shop.py", line 15, in bug\n    if random() < .1: raise ValueError("no such order: 42")\n                      ^^^^^^^^^^^^^^^\n';
  expect(titleOf({ ...one, traceback: frames })).toBe("ValueError: no such order: 42");
  const at = (code: string): string => `  File "/x/shop.py", line 58, in order\n    ${code}\n`;
  for (const [code, message, title] of [
    ['answer.json()["receipt"]', "'receipt'", "KeyError: 'receipt'"], ["carts[9]", "list index out of range", "IndexError: list index out of range"],
    ["None.text", "'NoneType' object has no attribute 'text'", "AttributeError: 'NoneType' object has no attribute 'text'"], ["1 / n", "division by zero", "ZeroDivisionError: division by zero"],
    ["int(text)", "invalid literal for int() with base 10: 'x'", "ValueError: invalid literal for int() with base 10: 'x'"], ["None[0]", "'NoneType' object is not subscriptable", "TypeError: 'NoneType' object is not subscriptable"],
    ["raise error", "'receipt'", "'receipt'"], ["buy()", "the shop is closed", "the shop is closed"],
  ] as const) expect(titleOf({ ...one, message, traceback: at(code) })).toBe(title);
  expect(titleOf({ ...one, message: "no class is known", traceback: "" })).toBe("no class is known");
  expect(titleOf({ ...one, type: "OutOfStock", message: "'receipt'", traceback: at("raise error") }), "the worker says it").toBe("OutOfStock: 'receipt'");
  expect(titleOf({ ...one, type: "AssertionError", message: "", traceback: at("assert cart") }), "nothing was said").toBe("AssertionError");
});
