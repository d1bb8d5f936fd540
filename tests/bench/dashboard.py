"""The part of the bench that looks at the page: what it costs the browser, the master and the wire."""

import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import lab
from lab import FILES, KATYDID, ROOT, VENV, Process, Table, verdict, wait_for
from viewer import Viewer

WEBUI = ROOT / "webui"
VIEWERS, ENDPOINTS = 10, 1000
PAGE_QUERY = f"?columns={0x3557}&pack=deflate"  # what webui/src/live/live-source.ts asks for
WINDOW_S = 10


def own_cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / lab.TICK


def join_key(keys):
    """What stands behind a worker's endpoint, of a file of new keys."""
    subprocess.run([KATYDID, "keys", "new", keys], check=True, capture_output=True)
    line = subprocess.run([KATYDID, "keys", "join", keys, "host"], check=True, capture_output=True, text=True).stdout
    return "#" + line.strip().split("#", 1)[1]


@contextmanager
def master_and_workers(workers, endpoints, seconds, *more, keys=None, churn=False):
    """A master under made-up reports; (its process, the address of its page). keys: a path for the file of new ones; churn: sim_workers --churn.
    master.joined_s: until all were there; master.workers: their process."""
    port, web = lab.free_port(), lab.free_port()
    key = join_key(keys) if keys else ""
    more = (*more, "--keys", keys) if keys else more
    with Process([KATYDID, "-f", FILES / "waiting.py", "-H", "http://127.0.0.1:9", "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
                  "--web-port", web, *more], prefix=["taskset", "-c", "0"]) as master:
        master.wait_line("Starting web interface", 60)
        begin = time.monotonic()
        with Process([KATYDID.parent / "bench" / "sim_workers", "--endpoint", f"tcp://127.0.0.1:{port}{key}", "--workers", workers, "--endpoints", endpoints,
                      "--seconds", seconds, *(["--churn"] if churn else [])], prefix=["taskset", "-c", "1"]) as master.workers:
            page = f"http://127.0.0.1:{web}"
            wait_for(lambda: lab.get_json(page + "/worker-count")["worker_count"] == workers, f"{workers} workers", 60)
            master.joined_s = time.monotonic() - begin
            urllib.request.urlopen(page + "/swarm", f"user_count={workers}&spawn_rate={workers}".encode(), timeout=10).close()
            yield master, page


class Watcher(threading.Thread):
    """A viewer that acknowledges all it gets, and notes when it came and how much it was."""

    def __init__(self, page):
        super().__init__(daemon=True)
        self.viewer, self.came = Viewer(page, query=PAGE_QUERY), []
        self.start()

    def run(self):
        try:
            while frame := self.viewer.frame():
                self.came.append((time.monotonic(), len(frame[1])))
                tick = lab.tick_of(frame)
                if tick is not None:
                    self.viewer.say({"type": "ack", "tick": tick})
        except (OSError, ValueError):
            pass  # closed

    def since(self, begin):
        return [(at, size) for at, size in self.came if at >= begin]


def jitter_ms(watchers, begin):
    """How far from a second apart ticks came: the 95th percentile over all watchers."""
    off = [abs(b - a - 1) * 1000 for w in watchers for (a, _), (b, _) in zip(w.since(begin), w.since(begin)[1:], strict=False)]
    return statistics.quantiles(off, n=20)[-1]


def window(master, watchers):
    """(share of a core, bytes/s, jitter) over a window."""
    cpu0, t0 = own_cpu(master.pid), time.monotonic()
    time.sleep(WINDOW_S)
    cpu, took = own_cpu(master.pid) - cpu0, time.monotonic() - t0
    size = sum(size for w in watchers for _, size in w.since(t0))
    return cpu / took, size / took, jitter_ms(watchers, t0) if watchers else 0


def viewers_cost(options):
    table = Table(f"Master with {ENDPOINTS} endpoints that all change each second", "viewers", "share of a core (lowest–highest)", "KB/s to all", "KB per tick",
                  "ticks early or late by ms, 95 % of them (best window–worst)")
    seen = {0: [], VIEWERS: [], "stalled": []}
    with master_and_workers(4, ENDPOINTS, 3600) as (master, page):
        time.sleep(5)
        for _ in range(3):
            seen[0].append(window(master, []))
            watchers = [Watcher(page) for _ in range(VIEWERS)]
            time.sleep(3)
            seen[VIEWERS].append(window(master, watchers))
            stalled = [Viewer(page, buffer=4096) for _ in range(2)]  # never read, never acknowledge, and want all columns
            seen["stalled"].append(window(master, watchers))
            for viewer in [*stalled, *(w.viewer for w in watchers)]:
                viewer.socket.shutdown(2)
            wait_for(lambda: threads(master.pid) < 80, "the sockets to end")
    for name, runs in seen.items():
        shares = sorted(share for share, _, _ in runs)
        kb = statistics.median(size for _, size, _ in runs) / 1000
        jitter = [late for _, _, late in runs]
        table.row(f"{VIEWERS} and 2 stalled" if name == "stalled" else name, f"{shares[1]:.2%} ({shares[0]:.2%}–{shares[2]:.2%})", f"{kb:.0f}" if name else "",
                  f"{kb / VIEWERS:.1f}" if name else "", f"{min(jitter):.0f}–{max(jitter):.0f}" if name else "")
    more = statistics.median(share for share, _, _ in seen[VIEWERS]) - statistics.median(share for share, _, _ in seen[0])
    size = statistics.median(size for _, size, _ in seen[VIEWERS]) / 1000
    budgets = Table("Budgets of it", "#", "what", "figure", "budget", "")
    budgets.row(17, f"{VIEWERS} viewers", f"{more:.2%} of a core", "≤ 1 %", verdict(more, 0.01))
    budgets.row(17, f"{VIEWERS} viewers", f"{size:.0f} KB/s", "≤ 300", verdict(size, 300))
    late = min(late for _, _, late in seen["stalled"])  # the best window: the machine has pauses of its own
    budgets.row(18, "ticks beside stalled viewers", f"{late:.0f} ms off", "≤ 100", verdict(late, 100))


def threads(pid):
    return int(re.search(r"Threads:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))


def page_budgets(options):
    table = Table("The page in headless Chromium", "what", "figure", "budget", "")
    environment = {**os.environ, "KATYDID_BUDGETS": "long", "KATYDID_BUILD": str(KATYDID.parent), "KATYDID_BIN": str(KATYDID)}
    command = ["node", "--test", "--test-reporter=tap", "tests/e2e/budgets.test.mjs"]
    with subprocess.Popen(command, cwd=WEBUI, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if found := re.search(r"# (.*): ([\d.]+) (\S*), at most (\d[\d.]*)", line):
                what, value, unit, limit = found.groups()
                table.row(what.lstrip("\\# "), f"{float(value):,g} {unit}", f"≤ {float(limit):,g}", verdict(float(value), float(limit)))
            elif line.startswith("not ok"):
                table.row(line.split(" - ", 1)[-1].strip(), "", "", "**missed**")


def cost_of(url, updates, seconds=20):
    done = subprocess.run(["node", "tests/e2e/page-cost.mjs", url, updates, str(seconds)], cwd=WEBUI, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout)


def beside_locust(options):
    table = Table("Beside Locust's own page: 500 endpoints that all change", "page", "first load, script KB", "all KB", "updates/s", "KB per update", "main thread ms per update")
    sights = {
        ("Locust", VENV / "bin" / "locust", "/stats/requests"): (("statistics", "/?tab=stats"), ("charts", "/?tab=charts")),
        ("Katydid", KATYDID, "/api/v1/live"): (("endpoints", "/#/endpoints"), ("live", "/#/live")),
    }
    for (name, program, updates), screens in sights.items():
        port = lab.free_port()
        with Process([program, "-f", FILES / "many_names.py", "--autostart", "-u", 1, "--web-host", "127.0.0.1", "--web-port", port], prefix=["taskset", "-c", "1"]):
            page = f"http://127.0.0.1:{port}"
            wait_for(lambda: lab.is_up(page) and len(lab.get_json(page + "/stats/requests")["stats"]) > 400, "500 endpoints", 60)
            for screen, path in screens:
                cost = cost_of(page + path, updates)
                table.row(f"{name}, {screen}", f"{cost['script'] / 1000:.0f}", f"{cost['first'] / 1000:.0f}", f"{cost['updates'] / 20:.1f}",
                          f"{cost['bytes'] / 1000:.1f}", f"{cost['ms']:.1f}")


def bench_dashboard(options):
    viewers_cost(options)
    beside_locust(options)
    page_budgets(options)


def bench_timeline(options):
    table = Table("The timeline: every endpoint has 10 requests every second", "endpoints × seconds", "ms of the main thread per second (most)", "MB of 256",
                  "resolution of the oldest, s", "a range of it, ms", "budget", "", "series", "report", "a tick with every row, for a page: ms, KB")
    for rows, seconds in ((100, 3600), (1000, 3600), (10_000, 600)):
        got = json.loads(subprocess.run([KATYDID.parent / "bench" / "bench_timeline", str(rows), str(seconds), "10"], capture_output=True, check=True).stdout)
        budget = ("≤ 300 ms", verdict(got["range_ms"], 300)) if rows == ENDPOINTS else ("", "")
        table.row(f"{rows:,} × {seconds:,}", f"{got['close_ms']:.2f} ({got['close_worst_ms']:.1f})", got["memory_mb"], got["resolution_s"], got["range_ms"], *budget,
                  got["series_ms"], got["report_ms"], f"{got['page_ms']}, {got['page_kb']}")



def bench_thresholds(options):
    """200 thresholds, most of them on a row of their own, a fifth of them windows of 30 s."""
    table = Table("Thresholds: judged and written once a second", "thresholds × endpoints", "ms of the main thread per second to judge (most)", "budget", "", "to write, ms")
    got = json.loads(subprocess.run([KATYDID.parent / "bench" / "bench_verdict"], capture_output=True, check=True).stdout)
    table.row(f"{got['thresholds']} × {got['rows']:,}", f"{got['ms_per_second']:.2f} ({got['worst_ms']:.1f})", "≤ 2 ms", verdict(got["ms_per_second"], 2), f"{got['write_ms']:.2f}")


if __name__ == "__main__":
    sys.exit("this is a part of bench.py")
