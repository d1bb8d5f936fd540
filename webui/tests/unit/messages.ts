import { ROW_WIDTH, type Hello, type Point, type RunFields, type Tick } from "../../src/live/protocol";

const state: RunFields = {
  tick: 1, now: 1000, boot: "b1", run: "r1", state: "running", host: "", notice: "", started: 990, ended: 0,
  run_time: 0, users: 1, target: 1, rate: 1, shape: false, distributed: false,
};

export function row(id: number, requests: number): number[] {
  return [id, requests, ...new Array<number>(ROW_WIDTH - 2).fill(0)];
}

export function point(second: number, rps = 1): Point {
  return [second, rps, 0, 1, 2, 3, 1, 1, 1];
}

export function tick(change: Partial<Tick> = {}): Tick {
  return {
    ...state, type: "tick", since: 0, total: row(0, 0), defs: [], rows: [], first_second: 1, points: [],
    failures: [0, 0], exceptions: [0, 0], workers: [], classes: [], ...change,
  };
}

export function hello(change: Partial<Hello> = {}): Hello {
  return { ...state, type: "hello", protocol: 1, version: "1", locustfile: "f.py", ...change };
}
