import { describe, expect, it } from "vitest";
import { bitsOf, parseMessage, ROW } from "../../src/live/protocol";
import { Store } from "../../src/live/store";
import { hello, point, row, tick } from "./messages";

const names = (store: Store): string[] => store.rows.names.slice(0, store.rows.length);

describe("decoding", () => {
  it("takes only what it knows", () => {
    expect(parseMessage("{")).toBeNull();
    expect(parseMessage("null")).toBeNull();
    expect(parseMessage('{"type":"other"}')).toBeNull();
    expect(parseMessage('{"type":"bye","why":"x"}')).toEqual({ type: "bye", why: "x" });
  });
});

describe("the store", () => {
  it("takes absolute values of changed rows", () => {
    const store = new Store();
    store.apply(tick({ defs: [[1, "GET", "/a"], [2, "GET", "/b"]], rows: [row(1, 5), row(2, 7)] }));
    store.apply(tick({ tick: 2, since: 1, rows: [row(2, 9)] }));
    expect(names(store)).toEqual(["/a", "/b"]);
    expect([store.rows.get(0, ROW.requests), store.rows.get(1, ROW.requests)]).toEqual([5, 9]);
  });
  it("is not hurt by a message that comes twice", () => {
    const store = new Store();
    const first = tick({ defs: [[1, "GET", "/a"]], rows: [row(1, 5)], points: [point(998)] });
    store.apply(first);
    store.apply(first);
    expect([names(store), store.series.length]).toEqual([["/a"], 1]);
  });
  it("drops a row without a name", () => {
    const store = new Store();
    store.apply(tick({ rows: [row(9, 5)] }));
    expect(store.rows.length).toBe(0);
  });
  it("grows with many endpoints", () => {
    const store = new Store();
    const ids = Array.from({ length: 1000 }, (_, i) => i + 1);
    store.apply(tick({ defs: ids.map((id) => [id, "GET", `/${id}`]), rows: ids.map((id) => row(id, id)) }));
    expect([store.rows.length, store.rows.get(999, ROW.requests)]).toEqual([1000, 1000]);
  });
  it("forgets the rows and seconds of another run", () => {
    const store = new Store();
    store.apply(tick({ defs: [[1, "GET", "/a"]], rows: [row(1, 5)], points: [point(998)] }));
    store.apply(tick({ tick: 2, run: "r2", defs: [[2, "GET", "/b"]], rows: [row(2, 1)], points: [point(999)] }));
    expect([names(store), [...store.series.seconds]]).toEqual([["/b"], [999]]);
  });
  it("keeps a run whose master is gone, until it is released", () => {
    const store = new Store();
    store.apply(tick({ defs: [[1, "GET", "/a"]], rows: [row(1, 5)], points: [point(998)] }));
    store.apply(tick({ boot: "b2", run: "", state: "ready", started: 0 }));
    store.apply(tick({ tick: 2, since: 1, boot: "b2", run: "", state: "ready", started: 0 }));
    expect([store.isHeld.value, names(store), [...store.series.seconds]]).toEqual([true, ["/a"], [998]]);
    expect(store.run.value).toMatchObject({ run: "r1", state: "stopped", ended: 1000, ended_by: "its master was restarted" });
    store.release();
    expect([store.isHeld.value, names(store), store.series.length, store.state.value]).toEqual([false, [], 0, "ready"]);
  });
  it("goes on at once with another master when there was no run", () => {
    const store = new Store();
    store.apply(tick({ run: "", state: "ready" }));
    store.apply(tick({ boot: "b2", run: "r7" }));
    expect([store.isHeld.value, store.run.value!.run]).toEqual([false, "r7"]);
  });
  it("forgets nothing of the new master while the old run is kept", () => {
    const store = new Store();
    store.apply(tick());
    store.apply(tick({ boot: "b2", run: "r2", defs: [[1, "GET", "/a"], [2, "GET", "/b"]], rows: [row(1, 1), row(2, 2)] }));
    store.apply(tick({ tick: 2, since: 1, boot: "b2", run: "r2", rows: [row(2, 3)] }));
    store.release();
    expect([store.rows.get(0, ROW.requests), store.rows.get(1, ROW.requests)]).toEqual([1, 3]);
  });
  it("follows a reset, where the master forgets the seconds", () => {
    const store = new Store();
    store.apply(tick({ points: [point(997), point(998)] }));
    store.apply(tick({ tick: 2, since: 1, first_second: 0 }));
    expect(store.series.length).toBe(0);
  });
  it("tells the master what it has", () => {
    const store = new Store();
    store.apply(tick({ tick: 8, defs: [[3, "GET", "/"]], rows: [row(3, 1)] }));
    expect(store.mark()).toBe("since=8&defs=3&boot=b1&run=r1");
  });
  it("has the columns of rows that were sent, and no old numbers of others", () => {
    const store = new Store();
    const at = (column: number): number => store.rows.get(0, column);
    store.columns = bitsOf(ROW.id, ROW.requests, ROW.p95);
    store.apply(tick({ defs: [[1, "GET", "/a"]], columns: store.columns, rows: [[1, 5, 20]] }));
    expect([at(ROW.requests), at(ROW.p95), at(ROW.rps)]).toEqual([5, 20, NaN]);
    expect(store.mark()).toBe(`since=1&defs=1&boot=b1&run=r1&columns=${store.columns}&has=${store.columns}`);
    store.apply(tick({ tick: 2, since: 1, columns: bitsOf(ROW.id, ROW.rps), rows: [[1, 7]] }));
    expect([at(ROW.requests), at(ROW.p95), at(ROW.rps)]).toEqual([NaN, NaN, 7]);
  });
  it("shows a frozen view anew when other columns come", () => {
    const store = new Store();
    store.apply(tick({ defs: [[1, "GET", "/a"]], columns: 3, rows: [[1, 5]] }));
    store.freeze();
    store.apply(tick({ tick: 2, since: 1, columns: 3, rows: [[1, 6]] }));
    expect(store.rows.get(0, ROW.requests)).toBe(5);
    store.apply(tick({ tick: 3, since: 2, columns: 7, rows: [[1, 7, 1]] }));
    expect([store.rows.get(0, ROW.requests), store.rows.get(0, ROW.failures)]).toEqual([7, 1]);
    expect([store.isFrozen.value, store.held.value]).toEqual([true, 0]);
  });
  it("shows more about known seconds with the next tick, and seconds that were missing at once", () => {
    const store = new Store();
    store.apply(tick({ points: [point(998), point(999)] }));
    const shown = store.revision.value;
    store.applySeries({ boot: "b1", run: "r1", points: [point(998, 2), point(999, 2)] });
    expect([store.series.last(1), store.revision.value]).toEqual([2, shown]);
    store.applySeries({ boot: "b1", run: "r1", points: [point(997), point(998)] });
    expect(store.revision.value).toBe(shown + 1);
    store.apply(tick({ tick: 2, state: "stopped", points: [point(999)] }));
    store.applySeries({ boot: "b1", run: "r1", points: [point(999, 3)] });
    expect(store.revision.value).toBe(shown + 3); // there may be no next tick
  });
  it("ignores history of another run", () => {
    const store = new Store();
    store.apply(tick());
    store.applySeries({ boot: "b1", run: "old", points: [point(990)] });
    expect(store.series.length).toBe(0);
    store.applySeries({ boot: "b1", run: "r1", points: [point(990)] });
    expect(store.series.length).toBe(1);
  });
  it("notices a master of another protocol", () => {
    const store = new Store();
    store.apply(hello({ protocol: 2 }));
    expect(store.isForeign.value).toBe(true);
  });
  it("stands still while it is frozen, and then shows all that came", () => {
    const store = new Store();
    store.apply(tick({ defs: [[1, "GET", "/a"], [2, "GET", "/b"]], rows: [row(1, 5), row(2, 5)], points: [point(998)] }));
    store.freeze();
    store.apply(tick({ tick: 2, since: 1, rows: [row(1, 6)], points: [point(999)] }));
    store.apply(tick({ tick: 3, since: 2, rows: [row(2, 9)], points: [point(1000)], defs: [[3, "GET", "/c"]] }));
    expect([store.held.value, store.rows.get(0, ROW.requests), store.series.length]).toEqual([2, 5, 1]);
    expect(store.mark()).toContain("since=3");
    store.thaw();
    expect([store.held.value, store.rows.get(0, ROW.requests), store.rows.get(1, ROW.requests), store.rows.length]).toEqual([0, 6, 9, 3]);
    expect([...store.series.seconds]).toEqual([998, 999, 1000]);
  });
  it("does not hide the end of the test behind a frozen view", () => {
    const store = new Store();
    store.apply(tick());
    store.freeze();
    store.apply(tick({ tick: 2, since: 1, state: "stopped" }));
    expect([store.isFrozen.value, store.state.value]).toEqual([false, "stopped"]);
  });
});
