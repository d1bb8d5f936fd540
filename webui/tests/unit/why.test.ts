import { expect, test } from "vitest";
import type { Failure } from "../../src/live/protocol";
import { deadEndpoint, everythingFails, findingsOf, manyCauses, middles, oneCause, oneWorkerFails, slowEndpoint, slower, stalled, type WhyCourse, type WhyData } from "../../src/why/rules";

const kind = (method: string, name: string, text: string, n: number): Failure => ({ id: n, method, name, text, kind: text, count: n, in_range: n, first: 0, last: 0 });
const course = (p95: (number | null)[], users: number[], phases: WhyCourse["phases"] = [], rps = p95.map(() => 10)): WhyCourse =>
  ({ x: p95.map((_, i) => 1000 + i), step: 1, users, rps, p95, phases });
const CALM = course(Array(30).fill(20), Array(30).fill(10));
const run = (change: Partial<WhyData>): WhyData => ({ requests: 1000, failures: 0, rows: [], kinds: [], workers: [], isMoving: false, course: CALM, ...change });

test("a healthy run needs no words", () => {
  const rows = [{ method: "GET", name: "/", requests: 600, failures: 0, p95: 20 }, { method: "GET", name: "/b", requests: 400, failures: 0, p95: 30 }];
  expect(findingsOf(run({ rows }))).toEqual([]);
});

test("everything fails: why, and what that means", () => {
  const refused = run({ requests: 52, failures: 52, kinds: [kind("GET", "/", "ConnectionRefusedError(111, 'Connection refused')", 30), kind("GET", "/b", "[Errno 111] Connection refused", 22)] });
  expect(everythingFails(refused)!.text).toBe("All 52 requests failed: Connection refused. Nothing listens at the host.");
  expect(everythingFails(run({ requests: 9, failures: 9, kinds: [kind("GET", "/", "LocustBadStatusCode(code=401)", 9)] }))!.text).toMatch(/401 Unauthorized.*login/);
  expect(everythingFails(run({ failures: 999 }))).toBeNull();
  expect(findingsOf(refused)[0]!.id).toBe("all-failed");
});

test("one cause of most failures is told with its place", () => {
  const found = oneCause(run({ failures: 49, kinds: [kind("GET", "/flaky", "HTTP 503", 47), kind("GET", "/", "timed out", 2)] }))!;
  expect(found.text).toBe("4.90 % of the requests failed, 95.9 % of them: 503 Service Unavailable at GET /flaky.");
  expect(oneCause(run({ failures: 9, kinds: [kind("GET", "/a", "x", 3), kind("GET", "/b", "y", 3), kind("GET", "/c", "z", 3)] }))).toBeNull();
});

test("of several causes of which none has most the most frequent one is named", () => {
  const kinds = [kind("GET", "/a", "HTTP 503", 4), kind("GET", "/b", "timed out", 3), kind("GET", "/c", "no price", 3)];
  expect(manyCauses(run({ failures: 10, kinds }))!.text).toBe("1.00 % of the requests failed, of 3 causes; the most frequent: 503 Service Unavailable.");
  expect(manyCauses(run({ failures: 8, kinds }))).toBeNull(); // the sentence of one cause has it
  expect(manyCauses(run({ failures: 8 }))!.text).toBe("0.80 % of the requests failed."); // a report without their causes
  expect(findingsOf(run({ failures: 10, kinds })).map(({ id }) => id)).toEqual(["many-causes"]);
});

test("while the numbers go on no sentence contradicts the tile beside it, which is some seconds younger", () => {
  const some = [kind("GET", "/flaky", "HTTP 503", 47), kind("GET", "/", "timed out", 2)];
  expect(oneCause(run({ failures: 49, kinds: some, isMoving: true }))!.text).toBe("About 5 % of the requests failed, about 96 % of them: 503 Service Unavailable at GET /flaky.");
  expect(oneCause(run({ failures: 3, kinds: [kind("GET", "/", "HTTP 503", 3)], isMoving: true }))!.text).toMatch(/^Less than 1 % of the requests failed, all of them: 503/);
  expect(oneCause(run({ failures: 998, kinds: [kind("GET", "/", "HTTP 503", 998)], isMoving: true }))!.text).toMatch(/^More than 99 % /);
  expect(everythingFails(run({ failures: 1000, kinds: [kind("GET", "/", "HTTP 401", 990), kind("GET", "/", "timed out", 10)], isMoving: true }))!.text).toMatch(/^All requests failed, most of them: 401/);
  const rows = [{ method: "GET", name: "/", requests: 600, failures: 0, p95: 20 }, { method: "GET", name: "/b", requests: 40, failures: 40, p95: 30 }];
  expect(deadEndpoint(run({ rows, isMoving: true }))!.text).toBe("GET /b failed every time.");
});

test("an endpoint that never works is named, however seldom it is asked", () => {
  const rows = [{ method: "GET", name: "/", requests: 900, failures: 0, p95: 5 }, { method: "GET", name: "/vslow", requests: 3, failures: 3, p95: 3000 }];
  expect(deadEndpoint(run({ rows, failures: 3 }))!.text).toBe("GET /vslow failed every time (3 of 3).");
  expect(slowEndpoint(run({ rows }))!.text).toMatch(/^GET \/vslow is the slowest by far: p95 3,000 ms, the next 5.0 ms, of only 3 requests/);
});

test("p95 that grew with the users: when, with how many, and in which phase", () => {
  const p95 = [...Array(20).fill(50), ...Array(20).fill(160)];
  const users = Array.from({ length: 40 }, (_, i) => 21 + i);
  const phases = [{ word: "wait for the answer", values: p95 }, { word: "connect", values: Array(40).fill(1) }];
  const found = slower(run({ course: course(p95, users, phases) }))!;
  expect(found.text).toBe("p95 tripled (50 ms to 160 ms) when users passed 40: wait for the answer, not connect.");
  expect(found.at).toBe(1020);
  expect(slower(run({ course: course([...Array(20).fill(50), 400, ...Array(19).fill(52)], users) }))).toBeNull(); // one bad second
  expect(slower(run({ course: course([...Array(20).fill(0.2), ...Array(20).fill(0.7)], users) }))).toBeNull(); // nobody notices
});

test("one worker with all the failures is a machine to look at", () => {
  const workers: WhyData["workers"] = [[0, 500, 95, 1, 1, 1, 5], [1, 500, 5, 1, 1, 1, 5]];
  expect(oneWorkerFails(run({ failures: 100, workers }))!.text).toMatch(/^One of 2 workers has 95.0 % of the failures, with 50.0 % of the requests/);
  expect(oneWorkerFails(run({ failures: 100, workers: [[0, 500, 50, 1, 1, 1, 5], [1, 500, 50, 1, 1, 1, 5]] }))).toBeNull();
});

test("a silence between answers is told, one at the end may still be filled", () => {
  const rps = [...Array(10).fill(5), ...Array(12).fill(0), ...Array(10).fill(5)];
  expect(stalled(run({ course: course(rps.map(() => 1), Array(32).fill(7), [], rps) }))).toMatchObject({ at: 1010, text: "no request finished for 12 s, though 7 users ran." });
  expect(stalled(run({ course: course(Array(22).fill(1), Array(22).fill(7), [], rps.slice(0, 22)) }))).toBeNull();
  expect(stalled(run({ course: course(Array(30).fill(1), Array(30).fill(7), [], [...Array(15).fill(0), ...Array(15).fill(4)]) }))).toBeNull(); // before the first
});

test("the middle of what came before is told for every second of a day at once", () => {
  let seed = 1;
  const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const values = Array.from({ length: 86_400 }, (_, i) => (i % 97 === 3 ? null : Math.round(random() * 4000) / 4));
  const found = middles(values);
  expect(found[0]).toBeNull();
  for (const at of [1, 2, 3, 4, 5, 100, 3601, 86_399]) {
    const known = values.slice(0, at).filter((value) => value !== null).sort((a, b) => a - b);
    expect(found[at], String(at)).toBe(known[Math.floor(known.length / 2)]);
  }
  expect(middles([null, null])).toEqual([null, null]);
  expect(middles([])).toEqual([]);
  expect(slower(run({ course: course(values, values.map(() => 5)) }))).toBeNull();
});
