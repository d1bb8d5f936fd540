"""The part of the bench that looks at what leaves the master: stores of others, and stored runs."""

import json
import re
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import lab
from dashboard import WEBUI, master_and_workers
from lab import KATYDID, Process, Table, verdict, wait_for

HERE = Path(__file__).resolve().parent
ROWS, WINDOW_S = 1000, 10
# What takes everything that is sent to it, and counts the bytes.
TAKER = """
import http.server
taken = 0
class Taker(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        global taken
        taken += len(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
    def do_GET(self):
        said = str(taken).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
print(server.server_port, flush=True)
server.serve_forever()
"""


def cpu_ns(pid):
    """By the scheduler's own clock: a share of a hundredth of a core is less than a tick."""
    return sum(int(task.joinpath("schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def share_of(pid, seconds=WINDOW_S):
    cpu0, t0 = cpu_ns(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_ns(pid) - cpu0) / 1e9 / (time.monotonic() - t0)


@contextmanager
def taker():
    with Process([sys.executable, "-c", TAKER], prefix=["taskset", "-c", str(lab.TARGET_CORE)]) as process:
        process.url = f"http://127.0.0.1:{process.wait_line(r'^([0-9]+)$').group(1)}"
        process.taken = lambda: int(lab.get(process.url + "/"))
        yield process


def bench_outputs(options):
    """Each way in turn, as the machine is another one from minute to minute; what an output costs is the difference."""
    table = Table(f"Master with {ROWS:,} rows that all change each second, and where they go", "outputs", "share of a core (lowest–highest)", "more", "KB/s sent", "budget", "")
    with taker() as sink:
        each = {
            "remote-write": f"remote-write={sink.url}/api/v1/write,names={ROWS}",
            "otlp": f"otlp={sink.url}/v1/metrics,names={ROWS}",
            "influxdb": f"influxdb={sink.url}/katydid,names={ROWS}",
        }
        ways = {
            "none, no history": ("--no-history",),
            "history": (),
            "the three": ("--no-history", *(word for out in each.values() for word in ("--out", out))),
        }
        seen, sent = {name: [] for name in ways}, {}
        for _ in range(options.rounds):
            for name, more in ways.items():
                with master_and_workers(4, ROWS, 3600, *more) as (master, _page):
                    time.sleep(8)  # every output has had its first push
                    bytes0 = sink.taken()
                    seen[name].append(share_of(master.pid, 2 * WINDOW_S))  # four pushes of 5 s
                    sent[name] = (sink.taken() - bytes0) / 2 / WINDOW_S / 1000
    base = statistics.median(seen["none, no history"])
    for name, shares in seen.items():
        share = statistics.median(shares)
        limit = {"history": 0.005, "the three": 0.03}.get(name)
        table.row(name, f"{share:.2%} ({min(shares):.2%}–{max(shares):.2%})", f"{share - base:.2%}" if limit else "", f"{sent[name]:.0f}" if sent[name] else "",
                  *((f"≤ {limit:.1%}", verdict(share - base, limit)) if limit else ("", "")))


def play(folder, rows, seconds, runs):
    """Stores runs that never were; their share of a core."""
    said = subprocess.run([KATYDID.parent / "bench" / "bench_history", folder, str(rows), str(seconds), str(runs)], check=True, capture_output=True, text=True).stdout
    return float(re.search(r"([\d.]+) % of a core", said).group(1)) / 100


def size_of(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def listing_ms(folder, runs):
    """The processor's, of listing so many runs that are like the one in there."""
    with sqlite3.connect(Path(folder) / "runs.db") as table:
        one = json.loads(table.execute("SELECT run FROM run").fetchone()[0])
        for number in range(runs):
            one |= {"id": f"{one['id'][:8]}{number:018}", "started": one["started"] + 60}
            table.execute("INSERT OR REPLACE INTO run SELECT ?,?,profile,branch,state,valid,NULL,bytes,? FROM run LIMIT 1", (one["id"], one["started"], json.dumps(one)))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    listed = subprocess.run([KATYDID, "runs", "list", "--limit", str(runs), "--history", folder], check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert listed.count("\n") == runs + 1
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def bench_history(options):
    table = Table("Stored runs", "what", "figure", "budget", "")
    with tempfile.TemporaryDirectory() as folder:
        play(folder, 50, 60, 1)
        took = listing_ms(folder, 10_000)
        table.row("10,000 runs listed", f"{took:.0f} ms of the processor", "≤ 200", verdict(took, 200))
    with tempfile.TemporaryDirectory() as folder:
        share = play(folder, 50, 86_400, 1)
        table.row("24 h with 50 rows: size", f"{size_of(folder) / 1e6:.1f} MB", "≤ 50", verdict(size_of(folder), 50e6))
        table.row("… processor time of storing it", f"{share:.3%} of a core", "≤ 0.5 %", verdict(share, 0.005))
    with tempfile.TemporaryDirectory() as folder:
        share = play(folder, ROWS, 3600, 2)
        table.row(f"1 h with {ROWS:,} rows: processor time of storing it", f"{share:.3%} of a core", "≤ 0.5 %", verdict(share, 0.005))
        with Process([KATYDID, "-f", HERE / "locustfiles" / "waiting.py", "--history", folder, "--web-port", port := lab.free_port()], prefix=["taskset", "-c", "0"]) as master:
            page = f"http://127.0.0.1:{port}"
            wait_for(lambda: lab.is_up(page), "the page")
            ids = [run["id"] for run in lab.get_json(page + "/api/v1/runs")["runs"]]
            took, spent = [], []
            for _ in range(options.rounds):
                cpu0, t0 = cpu_ns(master.pid), time.monotonic()
                lab.get(f"{page}/api/v1/compare?a={ids[1]}&b={ids[0]}&force=1")
                took.append((time.monotonic() - t0) * 1000)
                spent.append((cpu_ns(master.pid) - cpu0) / 1e6)
            table.row("comparing two such runs, the master", f"{statistics.median(took):.0f} ms ({min(took):.0f}–{max(took):.0f}), {statistics.median(spent):.0f} of the processor", "≤ 300 ms",
                      verdict(statistics.median(took), 300))
            done = subprocess.run(["node", "tests/e2e/compare-cost.mjs", page, *ids, str(options.rounds)], cwd=WEBUI, capture_output=True, text=True, timeout=300, check=True)
            shown = sorted(json.loads(done.stdout))
            table.row("… until the page shows it", f"{statistics.median(shown):.0f} ms ({shown[0]:.0f}–{shown[-1]:.0f})", "≤ 500 ms", verdict(statistics.median(shown), 500))


if __name__ == "__main__":
    sys.exit("this is a part of bench.py")
