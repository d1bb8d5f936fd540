"""The benchmarks of users by the hundred thousand on one machine: a million that wait (their start, how late each wakes, the master
meanwhile, their end), and as many connections from many addresses.

MILLION=100000 and SOURCES=10000 in the environment are fewer of them. A user takes 7 KB, or so, and 9 with a connection.
"""

import json
import os
import resource
import signal
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path

import lab
from dashboard import Watcher, jitter_ms, own_cpu
from lab import KATYDID, Process, Table, verdict, wait_for

FILES = Path(__file__).resolve().parent / "locustfiles"
MILLION = int(os.environ.get("MILLION", 1_000_000))
SOURCES = int(os.environ.get("SOURCES", 100_000))
START_S, HOLD_S = 40, 130  # who waits for two minutes has woken once by then


@contextmanager
def held(users, server, late, processes=2):
    """(the master's process, its page, seconds until all users had started)."""
    web = lab.free_port()
    with Process([KATYDID, "-f", FILES / "million.py", "-H", server.url, "--autostart", "-u", users, "-r", users // START_S, "--processes", processes,
                  "--web-port", web], env={"LATE": late}) as process:
        process.wait_line("Sending spawn jobs", 60)
        page, began = f"http://127.0.0.1:{web}", time.monotonic()
        live = f"{page}/stats/requests"
        wait_for(lambda: lab.get_json(live)["user_count"] == users and lab.get_json(live)["state"] == "running", f"{users} users", 600)
        yield process, page, time.monotonic() - began


def workers_of(pid):
    return [p for p in lab.tree(pid) if b"katydid-worker" in Path(f"/proc/{p}/cmdline").read_bytes() and lab.rss_bytes(p) > 100e6]


def notes(folder):
    return [json.loads(path.read_text()) for path in Path(folder).glob("late.*")]


def quantile(tenths, q):
    """In ms, of Counter of tenths of a millisecond."""
    left = sum(tenths.values()) * (1 - q)
    for tenth in sorted(tenths, reverse=True):
        left -= tenths[tenth]
        if left < 0:
            return (tenth + 1) / 10
    return 0.0


def window(said, begin, end):
    tenths = Counter()
    for one in said:
        for second, counts in one["late"].items():
            if begin <= int(second) < end:
                tenths.update({int(tenth): n for tenth, n in counts.items()})
    return tenths


def bench_million(options, users=MILLION, hold=HOLD_S):
    table = Table(f"{users:,} waiting HttpUsers in two processes, each waking every 60–120 s", "what", "figure", "budget", "")
    with tempfile.TemporaryDirectory() as folder, lab.nginx(core=None) as server:
        with held(users, server, f"{folder}/late") as (process, page, took):
            began, t0 = time.time(), time.monotonic()
            master0, total0 = own_cpu(process.pid), lab.cpu_seconds(process.pid)
            watcher = Watcher(page)
            time.sleep(hold)
            wall = time.monotonic() - t0
            master, total = own_cpu(process.pid) - master0, lab.cpu_seconds(process.pid) - total0
            jitter, ticks, memory = jitter_ms([watcher], t0 + 3), len(watcher.since(t0)), sum(map(lab.rss_bytes, workers_of(process.pid)))
            master_memory, load = lab.rss_bytes(process.pid), os.getloadavg()[0]
            ended, stop0 = time.time(), time.monotonic()
            process.popen.send_signal(signal.SIGINT)
            process.popen.wait(300)
            stopped = time.monotonic() - stop0
            process.wait(60)
        said = notes(folder)
        late = window(said, began, ended)
    table.row("started after s", f"{took:.1f}", "≤ 60", verdict(took, 60))
    table.row("memory of the workers, MB (KB a user)", f"{memory / 1e6:,.0f} ({memory / 1024 / users:.1f})", "", "")
    table.row("wakes a second, each tenth with a request", f"{sum(late.values()) / (ended - began):,.0f}", "", "")
    if late:
        lates = ", ".join(f"{quantile(late, q):.1f}" for q in (0.5, 0.99, 0.999)) + f", {(max(late) + 1) / 10:.1f}"
        table.row(f"late start of a wake, p50, p99, p99.9, worst of {sum(late.values()):,}, ms", lates, "p99 ≤ 5", verdict(quantile(late, 0.99), 5))
    else:
        table.row("late start of a wake", "no worker came to tell", "p99 ≤ 5 ms", "not shown")
    table.row("share of a core, workers and master · of that the master", f"{total / wall:.0%} · {master / wall:.1%}", "", "")
    table.row("master, resident MB", f"{master_memory / 1e6:.0f}", "", "")
    table.row("the page's ticks: how many in so many s, ms early or late (95 %)", f"{ticks} in {wall:.0f}, {jitter:.0f}", "≤ 100", verdict(jitter, 100))
    table.row("SIGINT to the end, s", f"{stopped:.1f}", "≤ 10", verdict(stopped, 10))
    if len(said) < 2:
        print(process.describe(), flush=True)
    ran = [sum(one[key] for one in said) for key in ("started", "ended")]
    table.row("on_start run · on_stop run", " · ".join(f"{n:,}" for n in ran), "all", verdict(users - min(ran), 0))
    table.row("load of the machine at the end of it", f"{load:.1f}", "", "")


def connected(ports):
    """(connections to these ports of this machine, different addresses they come from)."""
    count, addresses = 0, set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if state == "01" and int(remote.split(":")[1], 16) in ports:
            count += 1
            addresses.add(local.split(":")[0])
    return count, len(addresses)


def bench_sources(options, users=SOURCES):
    from bench import cut_of, percentiles_of, target_quantiles  # which has ours
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    processes = -(-users // (files - 2000))
    table = Table(f"{users:,} users with a connection each, from --source-addresses 127.0.1.0/24: {processes} processes and as many targets, as one may have {files:,} descriptors here",
                  "what", "figure", "budget", "")
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        targets = [stack.enter_context(lab.target()) for _ in range(processes)]
        env = {"TARGETS": ",".join(target.url for target in targets)}
        process = stack.enter_context(Process([KATYDID, "-f", FILES / "sources.py", "-H", "http://127.0.0.1:9", "--headless", "-u", users, "-r", users // START_S,
                                               "--processes", processes, "--source-addresses", "127.0.1.0/24", "--csv", f"{folder}/out"], env=env))
        began = time.monotonic()
        process.wait_line("All users spawned|Spawning is complete", 600)
        took = time.monotonic() - began
        time.sleep(60)  # everybody has come twice
        count, addresses = connected({int(target.url.rsplit(":", 1)[1]) for target in targets})
        workers = sorted((p for p in lab.tree(process.pid) if b"katydid-worker" in Path(f"/proc/{p}/cmdline").read_bytes()), key=lab.rss_bytes)[-processes:]
        memory, load, stop0 = sum(map(lab.rss_bytes, workers)), os.getloadavg()[0], time.monotonic()
        process.popen.send_signal(signal.SIGINT)
        process.popen.wait(300)
        stopped = time.monotonic() - stop0
        process.wait(60)
        time.sleep(1)  # for what was on its way
        logs = [target.log() for target in targets]
        rows = [lab.csv_row(f"{folder}/out_stats.csv", f"target {n}") for n in range(processes)]
    here, cut, there = sum(int(row["Request Count"]) for row in rows), cut_of(process.stderr), sum(log["requests"] for log in logs)
    table.row("all started after s", f"{took:.1f}", "", "")
    table.row("connections open · from so many addresses", f"{count:,} · {addresses}", f"{users:,} · 254", verdict(min(count / users, addresses / 254), 1, False))
    table.row("memory of the workers, MB (KB a user)", f"{memory / 1e6:,.0f} ({memory / 1024 / users:.1f})", "", "")
    table.row("requests: the targets' · reported · cut off, or answered as their task ended · failed", f"{there:,} · {here:,} · {cut:,} · {sum(int(row['Failure Count']) for row in rows)}", "equal", verdict(abs(there - here - cut), 0))
    for number, log in enumerate(logs):
        cells, good = target_quantiles(percentiles_of(process.stderr, f"target {number}"), log)
        table.row(f"target {number}: reported / its own log, p50, p90, p95, p99, ms", ", ".join(cells), "within 1 ms + 1 %", "met" if good else "**missed**")
    table.row("SIGINT to the end, s · load of the machine", f"{stopped:.1f} · {load:.1f}", "", "")
