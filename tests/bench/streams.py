"""The benchmark of streams of server-sent events: what an event costs, and whose time gaps are, with many streams open at once."""

import re
import time

import lab
from lab import KATYDID, ROOT, Process, Table, get_json, verdict, wait_for

FILE = ROOT / "tests" / "bench" / "locustfiles" / "sse.py"
STREAMS, PER_S = 10_000, 10
WINDOW_S = 6


def bench_sse(options):
    table = Table(f"Server-sent events, {STREAMS:,} streams × {PER_S} events/s, one core", "events sent/s", "taken/s", "µs of processor time per event",
                  "budget", "", "KB per stream", "gap p50, ms", "gap p99, ms",
                  f"of {STREAMS // 100} streams, gaps told against gaps sent: off by p50, ms", "p99", "budget", "")
    pin = ["taskset", "-c", str(lab.TARGET_CORE)]
    with Process([KATYDID.parent / "bench" / "sse_target", PER_S], prefix=pin) as target:
        url = f"http://127.0.0.1:{target.wait_line(r'^([0-9]+)$').group(1)}"
        command = [KATYDID, "-f", FILE, "-H", url, "--headless", "-u", STREAMS, "-r", STREAMS, "-t", "10m", "--only-summary"]
        with Process(command, prefix=["taskset", "-c", str(lab.GENERATOR_CORE)]) as process:
            wait_for(lambda: get_json(url + "/count")["streams"] > 0, "the first stream", 60)
            empty = lab.rss_bytes(lab.worker_pid(process.pid))
            wait_for(lambda: get_json(url + "/count")["streams"] == STREAMS, "all streams", 180)
            worker = lab.worker_pid(process.pid)
            cpu0, n0, t0 = lab.cpu_seconds(worker), get_json(url + "/count"), time.monotonic()
            time.sleep(WINDOW_S)
            cpu1, n1, t1 = lab.cpu_seconds(worker), get_json(url + "/count"), time.monotonic()
            full = lab.rss_bytes(worker)
            process.signal(15)
            process.wait(120)
        sent, took = n1["sent"] - n0["sent"], t1 - t0
        each = (cpu1 - cpu0) / sent * 1e6
        off = re.search(r"gap_off\S*\s+avg \S+ ms, min \S+, med ([\d.]+), p95 \S+, p99 ([\d.]+)", process.stderr)
        gaps = re.search(r"sse_gap\S*\s+avg \S+ ms, min \S+, med ([\d.]+), p95 \S+, p99 ([\d.]+)", process.stderr)
        table.row(f"{sent / took:,.0f}", "all" if n1["late"] == n0["late"] else f"not {n1['late'] - n0['late']:,}", f"{each:.1f}", "≤ 10", verdict(each, 10),
                  f"{(full - empty) / STREAMS / 1024:.0f}", *(gaps.groups() if gaps else ("", "")),
                  *((*off.groups(), "≤ 1", verdict(float(off.group(2)), 1)) if off else ("", "", "", "")))
