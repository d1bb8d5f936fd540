/* What the master says of scenarios (docs/api.md): their plans, and how far they are. */

/** seconds (null: until the test ends), the level at its begin and at its end: arrivals a second, or users. */
export type Stage = [number | null, number, number];

export interface StartDelay {
  count: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** One step of the staircase that looks for the knee, once it is over; a second, and ms. */
export interface Level {
  from_s: number;
  to_s: number;
  offered: number;
  done: number;
  users: number;
  mean: number;
  p50: number;
  p99: number;
  is_saturated: boolean;
  /** false: the generator was late. */
  is_valid: boolean;
  /** Share of the answers; null: nobody said. */
  good?: number | null;
}

interface Interval {
  per_s: number;
  low: number;
  high: number;
}

export interface Law {
  lambda: number;
  sigma: number;
  kappa: number;
  fit: number;
}

export interface Knee {
  state: string;
  why: string;
  level: number;
  levels: Level[];
  /** Of one that looks for the rate up to which so many answers are good. */
  goodput?: { least: number; per_s: number | null; share: number | null } | null;
  capacity: (Interval & { is_measured: boolean }) | null;
  knee: (Interval & { users: number; ms: number }) | null;
  law: Law | null;
}

export interface Scenario {
  name: string;
  executor: string;
  class: string | null;
  task: string | null;
  /** In words. */
  plan: string;
  /** For --scenario; null: it has a list of times that is too long for that. */
  text: string | null;
  /** It has arrivals; else users. */
  is_open: boolean;
  /** Of all users there are: -i, --ips. */
  is_of_all: boolean;
  is_paused: boolean;
  begins_s: number;
  length_s: number | null;
  stages: Stage[];
  /** Beside those of the stages: [seconds after its begin, arrivals]. */
  at_once: [number, number][];
  arrivals?: number;
  iterations?: number;
  on_busy?: "grow" | "queue" | "drop";
  max_users: number;
  max_waiting: number;
  level: number;
  /** Requests a second that its users may send now, at most; null: any number. */
  throttle?: number | null;
  rate: number;
  due: number;
  started: number;
  dropped: number;
  cut: number;
  repeated: number;
  interrupted: number;
  lost: number;
  users: number;
  waiting: number;
  /** Of an open one: the most that waited at a time, so far. */
  most_waiting?: number;
  /** ... of its users; absent: an older Katydid stored it. */
  most_users?: number;
  /** Of the users of an open one: those in an iteration. */
  busy?: number;
  late: { "1": number; "10": number; "100": number };
  start_delay: StartDelay | null;
  /** Of one that looks for it. */
  knee?: Knee;
}

export interface ScenariosAnswer {
  is_of_script: boolean;
  /** Unix seconds; null: they have not begun. */
  begun: number | null;
  elapsed_s: number | null;
  scenarios: Scenario[];
}
