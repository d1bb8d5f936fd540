import { beforeEach, describe, expect, it } from "vitest";
import { backoff } from "../../src/lib/backoff";
import type { Env } from "../../src/live/env";
import { LiveSource } from "../../src/live/live-source";
import { bitsOf, ROW } from "../../src/live/protocol";
import { Store } from "../../src/live/store";
import { hello, point, tick } from "./messages";

class FakeSocket {
  readyState = 0;
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null;
  onclose: (() => void) | null = null;
  constructor(readonly path: string) {}
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  hear(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.readyState = 3;
  }
  fail(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

let now: number;
let sockets: FakeSocket[];
let asked: string[];
let answer: (path: string) => string;
let store: Store;
let source: LiveSource;
const socket = (): FakeSocket => sockets.at(-1)!;
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 250) {
    now += 250;
    source.beat();
  }
}

beforeEach(() => {
  now = 1_000_000;
  sockets = [];
  asked = [];
  answer = (path) => JSON.stringify(path.startsWith("api/v1/series") ? { boot: "b1", run: "r1", points: [] } : tick());
  const env: Env = {
    now: () => now,
    random: () => 0.5,
    socket: (path) => {
      const made = new FakeSocket(path);
      sockets.push(made);
      return made as unknown as WebSocket;
    },
    getText: async (path) => {
      asked.push(path);
      return answer(path);
    },
    inflate: async (bytes) => new TextDecoder().decode(bytes),
  };
  store = new Store();
  source = new LiveSource(store, env);
  source.start();
});

describe("the live connection", () => {
  it("acknowledges ticks and fetches the history once", async () => {
    socket().open();
    socket().hear(hello());
    socket().hear(tick({ tick: 4, points: [point(998)] }));
    await settle();
    socket().hear(tick({ tick: 5, since: 4, points: [point(999)] }));
    await settle();
    expect(source.link.value.kind).toBe("live");
    expect(socket().sent).toEqual(['{"type":"ack","tick":4}', '{"type":"ack","tick":5}']);
    expect(asked).toEqual(["api/v1/series?from=0&step=1&columns=all"]);
  });

  it("is stale after 3 s of silence, lost after 7, and keeps the numbers", () => {
    socket().open();
    socket().hear(tick({ tick: 4, users: 12 }));
    pass(3500);
    expect(source.link.value.kind).toBe("stale");
    pass(4000);
    expect(source.link.value.kind).toBe("lost");
    expect(store.run.value?.users).toBe(12);
  });

  it("comes back with what it has, and fetches what it missed", async () => {
    socket().open();
    socket().hear(tick({ tick: 4, points: [point(998)] }));
    await settle();
    asked = [];
    socket().fail();
    expect(source.link.value.kind).toBe("lost");
    pass(1000);
    expect(sockets.length).toBe(2);
    expect(socket().path).toContain("api/v1/live?since=4&defs=0&boot=b1&run=r1&columns=");
    socket().open();
    socket().hear(tick({ tick: 30, since: 4, points: [point(1020)] }));
    await settle();
    expect(source.link.value.kind).toBe("live");
    expect(asked).toEqual(["api/v1/series?from=993&step=1&columns=all"]);
  });

  it("asks for the hole that a merged tick leaves", async () => {
    socket().open();
    socket().hear(tick({ tick: 4, points: [point(990)] }));
    await settle();
    asked = [];
    socket().hear(tick({ tick: 20, since: 4, points: [point(1005)] }));
    await settle();
    expect(asked).toEqual(["api/v1/series?from=985&step=1&columns=all"]);
  });

  it("asks again when the history did not come", async () => {
    const good = answer;
    answer = () => "not json";
    socket().open();
    socket().hear(tick({ tick: 4 }));
    await settle();
    answer = good;
    socket().hear(tick({ tick: 5, since: 4 }));
    await settle();
    expect(asked.length).toBe(2);
  });

  it("waits longer from try to try, and not at all when asked", () => {
    socket().fail();
    pass(500);
    expect(sockets.length).toBe(2);
    source.retryNow();
    expect(sockets.length).toBe(3);
  });

  it("polls when sockets are refused twice", async () => {
    socket().fail();
    pass(750);
    socket().fail();
    pass(2000);
    await settle();
    expect(asked.some((path) => path.startsWith("api/v1/live?"))).toBe(true);
    await settle();
    expect(source.link.value.kind).toBe("live");
  });

  it("is quiet while hidden and speaks again when shown", () => {
    socket().open();
    socket().hear(tick());
    source.setHidden(true);
    pass(60_000);
    expect(source.link.value.kind).toBe("live");
    source.setHidden(false);
    expect(socket().sent.slice(-2)).toEqual(['{"type":"pause"}', '{"type":"resume"}']);
  });

  it("asks for the columns that are read, while they are", () => {
    const wide = bitsOf(ROW.s5);
    const columns = (): number => Number(JSON.parse(socket().sent.filter((text) => text.includes("sub")).at(-1) ?? "{}").columns ?? 0);
    socket().open();
    socket().hear(tick({ defs: [[1, "GET", "/a"]] }));
    pass(500);
    expect(columns()).toBe(0);
    store.rows.get(0, ROW.s5);
    pass(250);
    expect(columns() & wide).toBe(wide);
    for (let s = 0; s < 70; s++) {
      socket().hear(tick({ since: 1, columns: columns() }));
      pass(1000);
    }
    expect(columns() & wide).toBe(0);
  });

  it("takes deflated messages in their order", async () => {
    const packed = (message: object): { data: ArrayBuffer } => ({ data: new TextEncoder().encode(JSON.stringify(message)).buffer as ArrayBuffer });
    socket().open();
    socket().onmessage?.(packed(tick({ tick: 4 })));
    socket().onmessage?.(packed(tick({ tick: 5, since: 4 })));
    socket().hear(tick({ tick: 6, since: 5 }));
    await settle();
    expect(socket().sent).toEqual([4, 5, 6].map((n) => `{"type":"ack","tick":${n}}`));
    socket().hear(tick({ tick: 7, since: 6 }));
    expect(store.run.value?.tick).toBe(7);
  });

  it("leaves when it is told to", () => {
    socket().open();
    socket().hear(tick());
    socket().hear({ type: "bye", why: "too slow" });
    expect(source.link.value.kind).toBe("lost");
  });
});

describe("waiting", () => {
  it("doubles from half a second to fifteen, give or take a quarter", () => {
    expect([0, 1, 2, 3, 20].map((attempt) => backoff(attempt, 0.5))).toEqual([500, 1000, 2000, 4000, 15_000]);
    expect(backoff(0, 0)).toBe(375);
    expect(backoff(0, 0.999)).toBeLessThan(626);
  });
});
