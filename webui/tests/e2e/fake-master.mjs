/* A master of made-up numbers: the API of docs/api.md over a run that never was, for what a real
 * run cannot do in a test: 24 hours of history, 10,000 endpoints that all change, ticks faster than
 * time, a master that stalls.
 *
 *     const master = await fakeMaster({ dist, rows: 1000, seconds: 900, hertz: 1 });
 *     … master.url … master.tick() … await master.close();
 *
 * Latencies are log-normal, every number of a range follows from its seconds. */
import { createServer } from "node:http";
import { readFileSync, existsSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { accept } from "./websocket.mjs";

const MIME = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const HOUR = 3600;
const round = (value) => Math.round(value * 1000) / 1000;
const COUNTS = [0, 1, 2, 3, 19, 20, 21, 22, 23, 24, 25, 26, 27]; // columns of a row that are whole numbers
const cut = (value) => (value >= 100 ? Math.round(value) : value >= 10 ? Math.round(value * 10) / 10 : value >= 1 ? Math.round(value * 100) / 100 : value);
/** The columns of a row whose bits are set, as a master sends them to who names columns. */
const narrow = (row, columns) => row.flatMap((value, i) => (Math.floor(columns / 2 ** i) % 2 ? [COUNTS.includes(i) ? value : cut(value)] : []));

/** A number in 0…1 that is always the same for the same seeds. */
function noise(a, b = 0) {
  let x = Math.imul(a * 2654435761 + b * 40503 + 12345, 2246822519) >>> 0;
  x ^= x >>> 15;
  return (Math.imul(x, 3266489917) >>> 0) / 4294967296;
}

const SIGMA = 0.5;
const z = { p50: 0, p75: 0.674, p90: 1.282, p95: 1.645, p99: 2.326, p999: 3.09, max: 3.9 };
const quantile = (median, name) => round(median * Math.exp(SIGMA * z[name]));

export class FakeRun {
  constructor(options) {
    this.rows = options.rows ?? 12;
    this.forceStep = options.forceStep ?? 0; // a master that does not roll up
    this.started = options.started ?? Math.floor(Date.now() / 1000) - (options.seconds ?? 300);
    this.now = this.started + (options.seconds ?? 300);
    this.users = options.users ?? 200;
    this.workers = options.workers ?? 3;
    this.gone = options.gone ?? 0; // of the workers, the last ones
    this.kinds = options.kinds ?? 0; // of failures, besides the usual three
    this.state = options.idle ? "ready" : "running";
    this.tick = 1;
    this.runId = options.idle ? "" : "fake-1";
    this.isDistributed = options.distributed ?? this.workers !== 1;
    if (options.idle) Object.assign(this, { rows: 0, users: 0, now: this.started, started: 0 });
    this.events = [
      { at: this.started, kind: "start", text: `${this.users} users, 10/s` },
      { at: this.started + 20, kind: "users", text: `${this.users} users run` },
    ];
    if (options.hot) this.saturated = [[this.started + 100, this.started + 100 + (options.hot === true ? 30 : options.hot), 0, "cpu"]];
    else this.saturated = [];
    if (this.saturated.length > 0) this.events.push({ at: this.started + 100, kind: "saturated", text: "worker-1: processor above 90 %" });
    this.names = Array.from({ length: this.rows }, (_, i) => options.hostile && i < 3
      ? ["<img src=x onerror=alert(1)>", "\u202eevil\u0000", "=cmd|' /C calc'!A0"][i]
      : `/section-${String(i % 40).padStart(2, "0")}/item-${String(i).padStart(5, "0")}`);
    this.methods = this.names.map((_, i) => ["GET", "POST", "PUT", "DELETE"][i % 4]);
  }

  base(id) {
    return 8 + 200 * noise(id) ** 3;
  }

  medianAt(second, id) {
    const wave = 1 + 0.15 * Math.sin(second / 37) + 0.1 * noise(second, id);
    const peak = second % 240 > 200 && second % 240 < 215 ? 2.2 : 1;
    return this.base(id || 1) * wave * peak;
  }

  rateAt(second) {
    const ramp = Math.min(1, Math.max(0, (second - this.started) / 20));
    return this.users * ramp * (0.9 + 0.1 * noise(second)) * 4;
  }

  failRateAt(second) {
    const peak = second % 240 > 200 && second % 240 < 215 ? 0.08 : 0.004;
    return this.rateAt(second) * peak;
  }

  usersAt(second) {
    return Math.round(this.users * Math.min(1, Math.max(0, (second - this.started) / 20)));
  }

  point(second, id = 0) {
    const share = id === 0 ? 1 : 1 / this.rows;
    const [rate, failed, median] = [this.rateAt(second) * share, this.failRateAt(second) * share, this.medianAt(second, id)];
    const q = (name) => quantile(median, name);
    return [
      second, rate, failed, q("p50"), q("p95"), q("p99"), median * 1.13, this.usersAt(second), this.users, q("p75"), q("p90"), q("p999"), q("max"),
      failed * 0.2, rate - failed, rate * 0.02, failed * 0.3, failed * 0.5, rate * 320, rate * 2400,
      0.05, 0.1, 0.4, 0.6, 0.1, median * 0.9, median * 0.1, 2 + 8 * noise(second), 40 + 20 * noise(second, 2),
    ].map(round);
  }

  span(from, to) {
    return [Math.max(from, this.started), Math.min(to, this.now)];
  }

  row(id, from, to) {
    const seconds = Math.max(0, to - from);
    const median = this.medianAt(Math.floor(to / 4), id);
    const share = id === 0 ? 1 : (0.5 + noise(id, 9)) / this.rows;
    const requests = Math.round(this.users * 3.8 * seconds * share) + (to % 7);
    const failures = Math.round(requests * 0.02 * noise(id, 5) ** 2);
    const q = (name) => quantile(median, name);
    return [
      id, requests, failures, 0, requests / (seconds || 1), failures / (seconds || 1), median * 1.13, median * 0.2, q("max"), q("p50"), q("p50"), q("p90"), q("p95"), q("p99"),
      q("p999"), requests / (seconds || 1), failures / (seconds || 1), 2100, q("p75"), 0, requests - failures, 0, failures, 0, requests * 320, requests * 2400, 0, 0,
      0.9 * q("p50"), 0.9 * q("p90"), 0.9 * q("p95"), 0.9 * q("p99"),
      1.1 * q("p50"), 1.1 * q("p90"), 1.1 * q("p95"), 1.1 * q("p99"),
    ].map(round);
  }

  allRows(from, to) {
    return this.names.map((_, i) => this.row(i + 1, from, to));
  }

  runFields() {
    return {
      tick: this.tick, now: this.now, boot: "fake", run: this.runId, state: this.state, host: "https://shop.test", notice: "", started: this.started,
      ended: this.state === "stopped" ? this.now : 0, run_time: 0, users: this.usersAt(this.now), target: this.users, rate: 10, shape: false, distributed: this.isDistributed,
    };
  }

  hello() {
    return { type: "hello", protocol: 1, version: "0.0.0", locustfile: "fake.py", columns: {}, ...this.runFields() };
  }

  tickMessage(isFull, points = 5, columns = 0) {
    const rows = this.allRows(this.started, this.now);
    return {
      type: "tick", since: isFull ? 0 : this.tick - 1, ...(columns ? { columns } : {}), ...this.runFields(), total: this.row(0, this.started, this.now),
      defs: isFull ? this.names.map((name, i) => [i + 1, this.methods[i], name]) : [], rows: columns ? rows.map((row) => narrow(row, columns)) : rows,
      points: this.rows === 0 ? [] : Array.from({ length: points }, (_, i) => this.point(this.now - points + i)), first_second: this.started,
      failures: this.rows === 0 ? [0, 0] : [3, Math.round(0.004 * this.now - 0.004 * this.started) + 3], exceptions: this.rows === 0 ? [0, 0] : [1, 4],
      workers: Array.from({ length: this.workers }, (_, i) => [`worker-${i + 1}`, i, i < this.workers - this.gone ? this.state : "missing", Math.round(this.users / this.workers), 40 + 10 * i, 80e6, 4, true, 1000 * this.tick, 300, 6, 120, 60]),
      classes: [["Shopper", 1, 0, this.users]], timeline: { first: this.started, bytes: 1e6, limit: 1e9 }, events: this.events.length, logs: 0, saturated: false,
    };
  }

  series(from, to, step, id) {
    const [start, end] = this.span(from, to);
    const wide = this.forceStep || step || Math.max(1, Math.ceil((end - start) / 720));
    const points = [];
    for (let second = Math.ceil(start / wide) * wide; second < end; second += wide) points.push(this.point(second, id));
    return { type: "series", boot: "fake", run: this.runId, from: start, to: end, step: wide, points };
  }

  range(from, to, depth) {
    const [start, end] = this.span(from, to);
    const answer = {
      from: start, to: end, step: 1, run: this.runId, complete: true, columns: [], total: this.row(0, start, end), rows: this.allRows(start, end),
      failures: [[1, 20, start, end], [2, 4, start, end]], workers: Array.from({ length: this.workers }, (_, i) => [i, 5000, 20, 45, 80, 12, this.users / this.workers]),
      valid: this.saturated.length === 0, saturated: this.saturated,
    };
    if (!depth) return answer;
    const groups = [...new Set(this.names.map((name) => `/${name.split("/").filter(Boolean).slice(0, depth).join("/")}/*`))];
    return { ...answer, groups: groups.map((name) => ["*", name, Math.round(this.rows / groups.length)]), rows: groups.map((_, i) => this.row(i + 1, start, end)) };
  }

  heatmap(from, to, id) {
    const [start, end] = this.span(from, to);
    const step = Math.max(1, Math.ceil((end - start) / 360));
    const bounds = Array.from({ length: 65 }, (_, i) => round(2 * 1.13 ** i));
    const cells = [];
    let max = 0;
    for (let x = 0; x * step < end - start; x++) {
      const median = this.medianAt(start + x * step, id);
      for (let y = 0; y < 64; y++) {
        const distance = (Math.log(bounds[y]) - Math.log(median)) / SIGMA;
        const count = Math.round(this.rateAt(start + x * step) * step * 0.12 * Math.exp(-distance * distance / 2));
        if (count > 0) cells.push([x, y, count]);
        max = Math.max(max, count);
      }
    }
    return { from: start, step, bounds_ms: bounds, cells, max };
  }

  distribution(from, to, id) {
    const [start, end] = this.span(from, to);
    const row = this.row(id, start, end);
    const median = row[10];
    const buckets = [];
    for (let i = 0; i < 200; i++) {
      const low = median * 0.15 * 1.022 ** i;
      const distance = (Math.log(low) - Math.log(median)) / SIGMA;
      const count = row[1] * 0.0175 * Math.exp(-distance * distance / 2);
      const failed = Math.round(count * 0.03);
      if (count >= 1) buckets.push([round(low), round(low * 1.022), Math.round(count) - failed, failed]);
    }
    const normal = [[0, -3.5], [0.1, -1.28], [0.25, -0.674], [0.5, 0], [0.75, 0.674], [0.9, 1.282], [0.95, 1.645], [0.98, 2.054], [0.99, 2.326], [0.995, 2.576], [0.999, 3.09], [0.9999, 3.72], [0.99999, 4.26]];
    const at = (dev) => round(median * Math.exp(SIGMA * dev));
    return { count: row[1], failed: row[2], buckets, curve: normal.map(([q, dev]) => [q, at(dev)]), ci95: { p50: [at(-0.05), at(0.05)], p95: [at(1.6), at(1.7)], p99: [at(2.2), at(2.5)] } };
  }

  failures(from, to) {
    const kinds = [["POST", "HTTPError('503 Server Error: Service Unavailable')", 0.7], ["GET", "ConnectTimeout('timed out')", 0.2], ["GET", "CatchResponseError('price 12.50 expected')", 0.1]];
    const many = Array.from({ length: this.kinds }, (_, i) => ["GET", `CatchResponseError('no answer of ${String.fromCharCode(97 + (i % 26), 97 + (Math.floor(i / 26) % 26), 97 + (Math.floor(i / 676) % 26))}')`, 0.001]);
    kinds.push(...many);
    const [start, end] = this.span(from, to);
    return { failures: kinds.map(([method, text, share], i) => ({
      id: i + 1, method, name: this.names[i % this.names.length], text, kind: text.replace(/\b(?!503\b)\d+/g, "#"), count: Math.round((this.now - this.started) * share) + 1, in_range: Math.ceil((end - start) * share),
      first: this.started + 30, last: this.now - 2, samples: 0, trend: Array.from({ length: 30 }, (_, n) => Math.round(20 * share * noise(n, i) + (n % 8 === 5 ? 60 * share : 0))),
    })) };
  }

  sparks(from, to, ids, points) {
    const step = Math.max(1, (to - from) / points);
    return { rows: Object.fromEntries(ids.map((id) => [id, Array.from({ length: points }, (_, i) => quantile(this.medianAt(Math.floor(from + i * step), id), "p95"))])) };
  }

  answer(path, query) {
    const number = (name, otherwise) => (query.has(name) ? Number(query.get(name)) : otherwise);
    const [from, to, id] = [number("from", this.started), number("to", this.now), number("id", 0)];
    switch (path) {
      case "state": return this.hello();
      case "live": return this.tickMessage(true, 5, number("columns", 0));
      case "series": return this.series(from, to, number("step", 0), id);
      case "range": return this.range(from, to, number("group", 0));
      case "heatmap": return this.heatmap(from, to, id);
      case "distribution": return this.distribution(from, to, id);
      case "sparks": return this.sparks(from, to, (query.get("ids") ?? "").split(",").map(Number), number("points", 30));
      case "failures": return this.failures(from, to);
      case "exceptions": return { exceptions: [{ count: 4, message: "KeyError: 'token'", traceback: "Traceback (most recent call last):\n  File \"fake.py\", line 88, in checkout\nKeyError: 'token'", nodes: "worker-1", first: this.started + 40, last: this.now - 5 }] };
      case "events": return { events: this.events };
      case "verdict": return {
        over: false, passed: true, failed: 0, valid: this.saturated.length === 0, invalid: this.saturated.map(([start, end, worker, why]) => [start, end, worker, `worker-${worker + 1}`, why]),
        fail_on_invalid: false, reasons: "", since: this.started, until: this.now, thresholds: [],
      };
      default: return null;
    }
  }
}

function file(response, dist, path) {
  const name = normalize(path === "/" ? "/index.html" : path);
  const full = join(dist, name);
  if (!full.startsWith(dist) || !existsSync(full)) return response.writeHead(404).end();
  response.writeHead(200, { "Content-Type": MIME[extname(full)] ?? "application/octet-stream", "Content-Encoding": "gzip", "Content-Security-Policy": POLICY });
  response.end(gzipSync(readFileSync(full)));
}

/** hertz 0: no tick but by tick(). */
export async function fakeMaster(options = {}) {
  const run = new FakeRun(options);
  const sockets = new Set();
  const asked = [];
  const wire = { ticks: 0, sent: 0, bytes: 0, first: 0, columns: 0 };
  /** As a master does: deflated for who takes it. */
  function send(viewer, message) {
    const text = JSON.stringify(message);
    const data = viewer.isPacked ? deflateSync(text, { level: 1 }) : text;
    viewer.send(data);
    wire.sent++;
    return data.length;
  }
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://x");
    if (!url.pathname.startsWith("/api/v1/")) return file(response, options.dist, url.pathname);
    asked.push(url.pathname.slice(8) + url.search);
    if (request.method === "POST") {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        if (url.pathname.endsWith("/marker")) {
          const said = JSON.parse(body);
          run.events.push({ at: said.at ?? run.now, kind: "marker", text: said.text });
        }
        if (url.pathname.endsWith("/stop")) run.state = "stopped";
        response.writeHead(200, { "Content-Type": "application/json" }).end('{"ok":true,"text":""}');
      });
      return undefined;
    }
    const answer = options.fail?.(url) ? null : run.answer(url.pathname.slice(8), url.searchParams);
    if (answer === null) return response.writeHead(404, { "Content-Type": "application/json" }).end('{"ok":false,"error":"no such thing"}');
    response.writeHead(200, { "Content-Type": "application/json", "Content-Encoding": "gzip" });
    return response.end(gzipSync(JSON.stringify(answer), { level: 1 }));
  });
  server.on("upgrade", (request, socket) => {
    const { searchParams } = new URL(request.url, "http://x");
    const viewer = { isPaused: false, isPacked: searchParams.get("pack") === "deflate", columns: Number(searchParams.get("columns") ?? 0) };
    Object.assign(viewer, accept(request, socket, (text) => {
      const { type, columns, tick } = JSON.parse(text);
      if (type === "ack") viewer.acked = tick;
      if (type === "sub") viewer.columns = columns;
      if (type === "pause") viewer.isPaused = true;
      if (type === "resume") viewer.isPaused = false;
    }, () => sockets.delete(viewer)));
    sockets.add(viewer);
    viewer.send(JSON.stringify(run.hello()));
    wire.first = send(viewer, run.tickMessage(true, 5, viewer.columns));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  function tick(seconds = 1) {
    run.tick++;
    if (run.state === "running") run.now += seconds;
    wire.ticks++;
    for (const viewer of sockets) {
      if (viewer.isPaused) continue;
      wire.bytes = send(viewer, run.tickMessage(false, Math.max(5, seconds), viewer.columns));
      wire.columns = viewer.columns;
    }
  }
  const timer = options.hertz === 0 ? null : setInterval(tick, 1000 / (options.hertz ?? 1));
  return {
    url: `http://127.0.0.1:${server.address().port}`, run, asked, wire, tick, sockets,
    async close() {
      clearInterval(timer);
      for (const viewer of sockets) viewer.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
