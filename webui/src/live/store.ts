/* Everything the page knows about the run. Messages come in by apply(); components read signals.
 * Bulky data (rows, seconds) is not copied into signals: `revision` says that it changed. */
import { computed, signal } from "@preact/signals";
import { ALL_COLUMNS, PROTOCOL, type ClassTuple, type Hello, type Message, type RunFields, type Series, type Tick, type WorkerTuple } from "./protocol";
import { RowTable } from "./rows";
import { SECONDS_KEPT, SeriesTable } from "./series";

export interface Worker {
  id: string;
  index: number;
  state: string;
  users: number;
  cpu: number | null;
  memory: number;
  lag: number | null;
  isKatydid: boolean;
  requests: number;
  rps: number | null;
  lagP99: number | null;
  fds: number | null;
  connections: number | null;
  cpuLimit: number | null; // cores that its container may use
  throttled: number; // percent of the time
  starved: number | null; // percent of the time without a processor
  weight: number | null; // of its share of the load; null: as all others
  clockError: number | null; // ms, at most, from the master's clock; null: not known
}

const CONNECTED = ["ready", "spawning", "running", "stopping", "stopped", "cleanup"];

export function isConnected(worker: Worker): boolean {
  return CONNECTED.includes(worker.state);
}

function worker(tuple: WorkerTuple): Worker {
  const [id, index, state, users, cpu, memory, lag, isKatydid, requests, rps, lagP99, fds, connections, cpuLimit, throttled, starved, weight, clockError] = tuple;
  return {
    id, index, state, users, cpu, memory, lag, isKatydid, requests, rps,
    lagP99: lagP99 ?? null, fds: fds ?? null, connections: connections ?? null,
    cpuLimit: cpuLimit ?? null, throttled: throttled ?? 0, starved: starved ?? null, weight: weight ?? null, clockError: clockError ?? null,
  };
}

/** Two ticks as one. Values are absolute, so the younger one's win; of seconds no more than are kept anyway. */
function merged(older: Tick, younger: Tick): Tick {
  const rows = new Map(older.rows.map((row) => [row[0], row]));
  for (const row of younger.rows) rows.set(row[0], row);
  const points = new Map([...older.points, ...younger.points].map((point) => [point[0], point]));
  return {
    ...younger, since: older.since, rows: [...rows.values()],
    defs: [...older.defs, ...younger.defs], points: [...points.values()].slice(-SECONDS_KEPT),
  };
}

export class Store {
  readonly hello = signal<Hello | null>(null);
  readonly run = signal<RunFields | null>(null);
  readonly total = signal<(number | null)[]>([]);
  readonly workers = signal<Worker[]>([]);
  readonly classes = signal<ClassTuple[]>([]);
  readonly failures = signal<[number, number]>([0, 0]);
  readonly exceptions = signal<[number, number]>([0, 0]);
  readonly revision = signal(0);
  /** How many events the master has; a change means that the list is to be fetched. */
  readonly eventCount = signal(0);
  readonly isSaturated = signal(false);
  readonly thresholds = signal(0);
  /** Thresholds that fail the run as they are now. */
  readonly brokenThresholds = signal(0);
  /** Series that something was counted in. */
  readonly seriesCount = signal(0);
  /** The oldest second that the master can still tell about. */
  readonly firstKept = signal(0);
  /** The master speaks another protocol: this page is from another version. */
  readonly isForeign = signal(false);
  readonly rows = new RowTable();
  /** The columns of rows that the master is asked for, as bits; 0: all, and uncut. */
  columns = 0;
  readonly series = new SeriesTable();

  readonly state = computed(() => this.run.value?.state ?? "");
  readonly isRunning = computed(() => ["spawning", "running"].includes(this.state.value));
  readonly isEnding = computed(() => ["stopping", "cleanup"].includes(this.state.value));
  /** A run is going on or has left something to look at. */
  readonly hasRun = computed(() => (this.run.value?.run ?? "") !== "");
  readonly hasFailures = computed(() => this.failures.value[0] > 0);
  readonly connectedWorkers = computed(() => this.workers.value.filter(isConnected).length);

  /** While the view is frozen ticks are merged into one that waits; how many wait. */
  readonly isFrozen = signal(false);
  readonly held = signal(0);
  private waiting: Tick | null = null;

  /** Another master answers than the one whose run is on the page, and has nothing of that run: the page
   * keeps it until release(). */
  readonly isHeld = signal(false);
  private successor: Tick | null = null;

  private from = { boot: "", run: "" };

  /** What this page has, as the query of the live addresses. */
  mark(): string {
    const tick = this.waiting?.tick ?? this.run.value?.tick ?? 0;
    const mark = new URLSearchParams({
      since: String(tick),
      defs: String(this.rows.highestId),
      boot: this.from.boot,
      run: this.from.run,
    });
    if (this.columns !== 0) {
      mark.set("columns", String(this.columns));
      mark.set("has", String(this.rows.columns));
    }
    return mark.toString();
  }

  apply(message: Message): void {
    if (message.type === "hello") this.applyHello(message);
    else if (message.type !== "tick") return;
    else if (this.from.run !== "" && message.boot !== this.from.boot) this.keepRun(message);
    else if (!this.isFrozen.value) this.applyTick(message);
    else if (message.state !== this.run.value?.state) this.thaw(message); // too much to stay hidden
    else if ((message.columns ?? ALL_COLUMNS) !== this.rows.columns) this.showHeld(message); // they are wanted now
    else this.hold(message);
  }

  freeze(): void {
    this.isFrozen.value = true;
  }

  /** Shows everything that has arrived meanwhile. */
  thaw(last?: Tick): void {
    this.isFrozen.value = false;
    this.showHeld(last);
  }

  private showHeld(last?: Tick): void {
    const waiting = this.waiting;
    this.waiting = null;
    this.held.value = 0;
    if (waiting !== null) this.applyTick(waiting);
    if (last !== undefined) this.applyTick(last);
  }

  /** The run ended with its master; what the new one says waits. */
  private keepRun(tick: Tick): void {
    const isNew = tick.boot !== this.successor?.boot || tick.run !== this.successor.run || tick.since === 0;
    this.successor = isNew ? tick : merged(this.successor!, tick);
    if (this.isHeld.value) return;
    if (this.isFrozen.value) this.thaw();
    const run = this.run.value!;
    const isOn = run.state !== "stopped";
    this.run.value = { ...run, state: "stopped", ended: run.ended || run.now, ...(isOn ? { ended_by: "its master was restarted" } : {}) };
    this.isHeld.value = true;
  }

  /** The page goes on with the master that is there. */
  release(): void {
    const tick = this.successor;
    this.successor = null;
    this.isHeld.value = false;
    if (tick !== null) this.applyTick(tick);
  }

  private hold(tick: Tick): void {
    this.held.value++;
    this.waiting = this.waiting === null || tick.since === 0 ? tick : merged(this.waiting, tick);
  }

  private applyHello(hello: Hello): void {
    this.isForeign.value = hello.protocol !== PROTOCOL;
    this.hello.value = hello;
  }

  private adopt(message: Tick): void {
    const { boot, run } = message;
    if (boot !== this.from.boot || run !== this.from.run) this.series.clear();
    this.from = { boot, run };
    if (message.since === 0) this.rows.clear();
    this.rows.setColumns(message.columns ?? ALL_COLUMNS);
  }

  private applyTick(tick: Tick): void {
    this.adopt(tick);
    for (const [id, method, name] of tick.defs) this.rows.define(id, method, name);
    for (const row of tick.rows) this.rows.set(row);
    for (const point of tick.points) this.series.set(point);
    this.series.trim(tick.first_second);
    this.run.value = tick;
    this.total.value = tick.total;
    this.failures.value = tick.failures;
    this.exceptions.value = tick.exceptions;
    this.workers.value = tick.workers.map(worker);
    this.classes.value = tick.classes;
    this.eventCount.value = tick.events ?? 0;
    this.isSaturated.value = tick.saturated ?? false;
    this.thresholds.value = tick.verdict?.thresholds ?? 0;
    this.brokenThresholds.value = tick.verdict?.failed ?? 0;
    this.seriesCount.value = tick.series ?? 0;
    this.firstKept.value = tick.timeline?.first || tick.first_second;
    this.revision.value++;
  }

  /** History by range; of another run than the current one it is of no use. More about seconds that are known waits for the
   * next tick, if there will be one: to show it costs as much as a tick does. */
  applySeries(series: Series): void {
    if (series.boot !== this.from.boot || series.run !== this.from.run) return;
    const known = this.series.length;
    for (const point of series.points) this.series.set(point);
    if (this.series.length > known || !this.isRunning.value) this.revision.value++;
  }
}
