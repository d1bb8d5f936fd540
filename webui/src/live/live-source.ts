/* The live connection: a socket while it can be had, plain polling of the same messages when it
 * cannot, and an honest word about it in `link`.
 *
 * Silence of 3 s is stale, of 7 s is lost. A lost connection is tried again with growing pauses,
 * at once when the person asks, the network returns or the tab is shown. After each new beginning
 * the seconds that were missed are fetched by range. A hidden tab asks the master to be quiet.
 *
 * Of rows the master sends the columns that are asked for: those nearly everything needs, and for a
 * while those that somebody read. Large messages come deflated. */
import { batch, signal } from "@preact/signals";
import { backoff } from "../lib/backoff";
import type { Env } from "./env";
import { HttpQueries } from "./queries";
import { bitsOf, columnsOf, parseMessage, POINT_WIDTH, ROW, ROW_WIDTH, type Series, type Tick } from "./protocol";
import { SECONDS_KEPT } from "./series";
import type { Link, Source } from "./source";
import type { Store } from "./store";

const STALE_MS = 3000;
const LOST_MS = 7000;
const POLL_MS = 1000;
const POLL_TIMEOUT_MS = 5000;
const ASK_TIMEOUT_MS = 15_000;
const MORE_EVERY_MS = 2000;
const BASE_COLUMNS = bitsOf(ROW.id, ROW.requests, ROW.failures, ROW.rps, ROW.mean, ROW.max, ROW.p50, ROW.p95, ROW.p99);
const COLUMN_STAYS_MS = 60_000; // after it was last read
const SOCKET_TRIES = 2; // upgrades that fail before polling is tried
const SOCKET_AGAIN_MS = 30_000; // while polling: how long until the next upgrade

export class LiveSource implements Source {
  readonly link = signal<Link>({ kind: "connecting" });
  readonly queries = new HttpQueries(async (path, signal) => {
    if (this.store.isHeld.peek()) throw new Error("The master that had these numbers was restarted.");
    return JSON.parse(await this.env.getText(`api/v1/${path}`, ASK_TIMEOUT_MS, signal));
  });
  private socket: WebSocket | null = null;
  private isPolling = false;
  private isPaused = false;
  private attempt = 0;
  private refused = 0; // upgrades in a row that never opened
  private heardAt: number;
  private retryAt = 0; // 0: a connection is up or being made
  private triedSocketAt = 0;
  private pollBusy = false;
  private polledAt = 0;
  private gapFrom: number | null = 0; // seconds from here on may be missing
  private isCatchingUp = false;
  private moreAt = -MORE_EVERY_MS;
  private unpacking: Promise<void> | null = null; // messages stay in order
  private readAt = new Array<number>(ROW_WIDTH).fill(-COLUMN_STAYS_MS); // each column, when last
  private toldColumns = 0;

  constructor(
    private readonly store: Store,
    private readonly env: Env,
  ) {
    this.heardAt = env.now();
    store.columns = BASE_COLUMNS;
  }

  has(): boolean {
    return true;
  }

  start(): void {
    this.connect();
  }

  /** Called some times a second. Everything that depends on time is decided here. */
  beat(): void {
    const now = this.env.now();
    if (this.isPaused) return;
    this.askColumns(now);
    if (this.retryAt > 0) {
      if (now >= this.retryAt) this.connect();
      return;
    }
    if (this.isPolling) this.pollIfDue(now);
    const silence = now - this.heardAt;
    if (silence > LOST_MS) this.lose();
    else if (silence > STALE_MS && this.link.value.kind === "live")
      this.link.value = { kind: "stale", since: this.heardAt };
  }

  retryNow(): void {
    if (this.link.value.kind === "live") return;
    this.attempt = 0;
    this.drop();
    this.connect();
  }

  setHidden(isHidden: boolean): void {
    if (isHidden === this.isPaused) return;
    this.isPaused = isHidden;
    this.say({ type: isHidden ? "pause" : "resume" });
    this.noteGap();
    if (isHidden) return;
    this.heardAt = this.env.now();
    this.noteRead(columnsOf(this.store.columns), this.heardAt); // nothing was read meanwhile, and is no sign
    if (this.socket === null && !this.isPolling) this.connect();
  }

  private connect(): void {
    this.retryAt = 0;
    this.triedSocketAt = this.env.now();
    if (this.link.value.kind !== "lost") this.heardAt = this.env.now();
    else this.heardAt = this.env.now() - STALE_MS - 1; // lost stays lost until something is heard
    if (this.refused >= SOCKET_TRIES) {
      this.refused = 0;
      this.isPolling = true;
      this.polledAt = 0;
      return;
    }
    this.open();
  }

  private open(): void {
    let hasOpened = false;
    const socket = this.env.socket(`api/v1/live?${this.store.mark()}${this.env.inflate ? "&pack=deflate" : ""}`);
    socket.binaryType = "arraybuffer";
    this.toldColumns = this.store.columns;
    this.socket = socket;
    socket.onopen = () => {
      hasOpened = true;
      this.refused = 0;
      if (this.isPaused) this.say({ type: "pause" });
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => this.receive(socket, event.data);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = null;
      if (!hasOpened) this.refused++;
      this.lose();
    };
  }

  private receive(socket: WebSocket, data: string | ArrayBuffer): void {
    if (this.socket !== socket) return;
    if (typeof data === "string" && this.unpacking === null) return this.hear(data);
    const inOrder = (this.unpacking ?? Promise.resolve())
      .then(() => (typeof data === "string" ? data : this.env.inflate!(data)))
      .then((text) => {
        if (this.socket === socket) this.hear(text);
      })
      .catch(() => {
        if (this.socket === socket) this.lose();
      })
      .finally(() => {
        if (this.unpacking === inOrder) this.unpacking = null;
      });
    this.unpacking = inOrder;
  }

  private hear(text: string): void {
    const message = parseMessage(text);
    if (message === null) return;
    if (message.type === "bye") {
      this.lose();
      return;
    }
    if (message.type === "tick") this.findHole(message);
    if (message.type === "tick") this.wantMore(message);
    batch(() => {
      this.store.apply(message);
      this.heardAt = this.env.now();
      this.attempt = 0;
      if (this.link.value.kind !== "live") this.link.value = { kind: "live" };
    });
    if (message.type !== "tick") return;
    this.say({ type: "ack", tick: message.tick });
    void this.catchUp();
  }

  /** Merged ticks bring the last seconds only: what lies before them is missing. */
  private findHole(tick: Tick): void {
    const last = this.store.series.seconds.at(-1);
    const first = tick.points[0]?.[0];
    if (last !== undefined && first !== undefined && first > last + 1) this.noteGap();
  }

  /** Ticks bring the first columns of a second; the master keeps more. */
  private wantMore(tick: Tick): void {
    const isNarrow = (tick.points[0]?.length ?? POINT_WIDTH) < POINT_WIDTH;
    if (isNarrow && this.env.now() - this.moreAt >= MORE_EVERY_MS) this.noteGap();
  }

  private noteGap(): void {
    this.gapFrom ??= this.store.series.resumeFrom;
  }

  private noteRead(columns: number[], now: number): void {
    for (const column of columns) this.readAt[column] = now;
  }

  /** A frozen view reads nothing; what it shows stays asked for. */
  private askColumns(now: number): void {
    this.noteRead(this.store.rows.takeTouched(), now);
    const always = columnsOf(this.store.isFrozen.value ? this.store.columns : BASE_COLUMNS);
    const wanted = bitsOf(...always, ...this.readAt.flatMap((at, i) => (now - at < COLUMN_STAYS_MS ? [i] : [])));
    this.store.columns = wanted;
    if (this.toldColumns === wanted || this.socket?.readyState !== 1) return;
    this.toldColumns = wanted;
    this.say({ type: "sub", columns: wanted });
  }

  /** Single seconds are had of the last hour only. */
  private oldest(): number {
    return Math.max(0, Math.floor(this.store.run.value?.now ?? 0) - SECONDS_KEPT);
  }

  private say(text: object): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(text));
  }

  private async catchUp(): Promise<void> {
    const from = this.gapFrom;
    if (from === null || this.isCatchingUp) return;
    this.isCatchingUp = true;
    this.moreAt = this.env.now();
    this.gapFrom = null;
    try {
      const text = await this.env.getText(`api/v1/series?from=${Math.max(from, this.oldest())}&step=1&columns=all`, POLL_TIMEOUT_MS);
      this.store.applySeries(JSON.parse(text) as Series);
    } catch {
      this.gapFrom = from; // again with the next tick
    }
    this.isCatchingUp = false;
  }

  private pollIfDue(now: number): void {
    if (now - this.triedSocketAt > SOCKET_AGAIN_MS && this.link.value.kind === "live") {
      this.triedSocketAt = now;
      this.isPolling = false;
      this.refused = SOCKET_TRIES - 1; // one refusal brings the polling back
      this.open();
      return;
    }
    if (this.pollBusy || now - this.polledAt < POLL_MS) return;
    this.pollBusy = true;
    this.polledAt = now;
    this.env
      .getText(`api/v1/live?${this.store.mark()}`, POLL_TIMEOUT_MS)
      .then(async (text) => {
        if (this.store.hello.value === null || this.link.value.kind !== "live")
          this.hear(await this.env.getText("api/v1/state", POLL_TIMEOUT_MS));
        if (this.isPolling) this.hear(text);
      })
      .catch(() => undefined) // silence is noticed by beat()
      .finally(() => {
        this.pollBusy = false;
      });
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.isPolling = false;
    socket?.close();
  }

  private lose(): void {
    const now = this.env.now();
    this.noteGap();
    const link = this.link.value;
    const since = link.kind === "lost" || link.kind === "stale" ? link.since : this.heardAt;
    this.drop();
    this.retryAt = now + backoff(this.attempt++, this.env.random());
    this.link.value = { kind: "lost", since, retryAt: this.retryAt };
  }
}
