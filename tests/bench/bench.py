"""make bench: every budget of the engine, measured side by side in one run, as ratios.

    bench.py [--build DIR] [--rounds N] [name …]      names: get many names bodies waits wake tls h2 h2wait grpc ws post judged journal memory hold start first end scaling master truth
                                                      timeline dashboard thresholds outputs history arrivals sse; only by their names, as they take minutes or gigabytes: knee million sources churn half gate

Nothing here asserts a time: the figures are printed with the budget beside them, and docs/benchmarks.md
keeps those of the last full run.
"""

import argparse
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import lab
from arrivals import bench_arrivals, bench_knee  # noqa: F401
from churn import bench_churn, bench_half  # noqa: F401
from dashboard import bench_dashboard, bench_thresholds, bench_timeline, master_and_workers, own_cpu  # noqa: F401
from gates import bench_gate  # noqa: F401
from h2_users import bench_h2wait  # noqa: F401
from lab import FILES, KATYDID, ROOT, VENV, Process, Table, generated_code, headless, k6, nginx, rounds, verdict, wait_for, wrk
from lives import bench_end, bench_first  # noqa: F401
from many import bench_bodies, bench_many, bench_memory, bench_names, bench_waits, bench_wake, many_users, us  # noqa: F401
from million import bench_million, bench_sources  # noqa: F401
from stored import bench_history, bench_outputs  # noqa: F401
from streams import bench_sse  # noqa: F401

STOCK = VENV / "bin" / "locust"


def bench_get(options):
    table = Table("GET, 12-byte body, 100 users, no wait", "generator", "µs/request (lowest–highest)", "requests/s", "× wrk", "× ours", "budget", "")
    with nginx() as server:
        figures = rounds({
            "wrk": wrk(server.url + "/"),
            "Katydid HttpUser": headless(KATYDID, FILES / "get_http.py", server.url),
            "Katydid FastHttpUser": headless(KATYDID, FILES / "get_fast.py", server.url),
            "Locust HttpUser": headless(STOCK, FILES / "get_http.py", server.url),
            "Locust FastHttpUser": headless(STOCK, FILES / "get_fast.py", server.url),
            **k6("k6", "get.js", server.url + "/"),
        }, server, options.rounds)
    base, ours, our_fast = figures["wrk"][0], figures["Katydid HttpUser"][0], figures["Katydid FastHttpUser"][0]
    for name, f in figures.items():
        budget = {
            "Katydid HttpUser": ("≤ 0.95 × wrk", verdict(f[0] / base, 0.95)),
            "Locust HttpUser": ("ours ≥ 40 × less", verdict(f[0] / ours, 40, False)),
            "Locust FastHttpUser": ("ours ≥ 10 × less", verdict(f[0] / our_fast, 10, False)),
        }.get(name, ("", ""))
        table.row(name, us(f), f"{f[1]:,.0f}", f"{f[0] / base:.2f}", f"{f[0] / (our_fast if 'Fast' in name else ours):.1f}", *budget)


def bench_tls(options):
    table = Table("The same over TLS", "generator", "µs/request (lowest–highest)", "requests/s", "× wrk over TLS", "budget", "")
    with nginx() as server:
        figures = rounds({
            "wrk": wrk(server.tls_url + "/"),
            "Katydid HttpUser": headless(KATYDID, FILES / "get_tls.py", server.tls_url),
            **k6("k6", "get.js", server.tls_url + "/"),
        }, server, options.rounds)
    for name, f in figures.items():
        ratio = f[0] / figures["wrk"][0]
        table.row(name, us(f), f"{f[1]:,.0f}", f"{ratio:.2f}", *(("≤ 1.0", verdict(ratio, 1)) if name.startswith("Katydid") else ("", "")))


def bench_h2(options):
    table = Table("GET, 12-byte body, 100 users, HTTP/2 without TLS", "generator", "µs/request (lowest–highest)", "requests/s", "× h2load", "× HTTP/1.1", "budget", "")
    with nginx() as server:
        figures = rounds({
            "h2load": ["h2load", "-c", "100", "-m", "1", "-D", "3600", server.h2_url + "/"],
            "Katydid HttpUser, HTTP/1.1": headless(KATYDID, FILES / "get_http.py", server.url),
            "Katydid HttpUser, HTTP/2": headless(KATYDID, FILES / "get_http.py", server.h2_url, 100, "--http2=prior-knowledge"),
        }, server, options.rounds)
    base, old = figures["h2load"][0], figures["Katydid HttpUser, HTTP/1.1"][0]
    for name, f in figures.items():
        budget = ("≤ 1.5 × HTTP/1.1, ≤ 2 × h2load", verdict(max(f[0] / old / 1.5, f[0] / base / 2), 1)) if name.endswith("HTTP/2") else ("", "")
        table.row(name, us(f), f"{f[1]:,.0f}", f"{f[0] / base:.2f}", f"{f[0] / old:.2f}", *budget)
    bench_h2_tls(options)


def bench_h2_tls(options):
    """The only HTTP/2 that k6 speaks."""
    table = Table("GET, 12-byte body, 100 users, HTTP/2 over TLS", "generator", "µs/request (lowest–highest)", "requests/s", "× h2load", "× ours", "budget", "")
    with nginx() as server:
        url = server.h2_tls_url
        figures = rounds({
            "h2load": ["h2load", "-c", "100", "-m", "1", "-D", "3600", url + "/"],
            "Katydid HttpUser": headless(KATYDID, FILES / "get_tls.py", url, 100, "--http2"),
            **k6("k6", "get.js", url + "/"),
        }, server, options.rounds)
    for name, f in figures.items():
        ratio = f[0] / figures["Katydid HttpUser"][0]
        table.row(name, us(f), f"{f[1]:,.0f}", f"{f[0] / figures['h2load'][0]:.2f}", f"{ratio:.1f}", *beside_k6(name, ratio, 6))


def beside_k6(name, ratio, least):
    """The cells of a budget which is how much more k6 takes than ours."""
    return (f"ours ≥ {least} × less", verdict(ratio, least, False)) if name.startswith("k6") else ("", "")


def counting(port, path="count"):
    """Asks a target of ours how much it has done."""
    return lambda: int(urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10).read())


@contextmanager
def grpc_target(options):
    """Always gives the same: shop.v1.Receipt(text="pen", total=3)."""
    with Process([Path(options.build) / "bench" / "grpc_target", b"\x0a\3pen\x10\3".hex()], prefix=["taskset", "-c", str(lab.TARGET_CORE)]) as server:
        port = server.wait_line(r"^(\d+)$").group(1)
        server.host, server.count = f"127.0.0.1:{port}", counting(port)
        yield server


def bench_grpc(options):
    """Generated Python messages."""
    title = "gRPC, one small message each way, generated Python code, 100 users"
    table = Table(title, "generator", "µs/call (lowest–highest)", "calls/s", "× Katydid GrpcUser", "budget", "")
    with grpc_target(options) as server, generated_code() as env:
        host = server.host
        figures = rounds({
            "Katydid GrpcUser": headless(KATYDID, FILES / "grpc_calls.py", host),
            "Locust's recipe under Katydid": headless(KATYDID, FILES / "grpc_recipe.py", host),
            "Locust's recipe under Locust": headless(STOCK, FILES / "grpc_recipe.py", host),
            **k6("k6", "grpc_calls.js", host, "-e", f"PROTOS={ROOT / 'tests/support/protos'}"),
        }, server, options.rounds, env=env)
    ours = figures["Katydid GrpcUser"][0]
    for name, f in figures.items():
        budget = ("ours ≥ 15 × less", verdict(f[0] / ours, 15, False)) if name.endswith("under Locust") else beside_k6(name, f[0] / ours, 5)
        table.row(name, us(f), f"{f[1]:,.0f}", f"{f[0] / ours:.1f}", *budget)


@contextmanager
def ws_echo(options):
    with Process([Path(options.build) / "bench" / "ws_echo"], prefix=["taskset", "-c", str(lab.TARGET_CORE)]) as server:
        port = server.wait_line(r"^(\d+)$").group(1)
        server.url = f"ws://127.0.0.1:{port}"
        server.count, server.open = counting(port), counting(port, "open")
        yield server


def bench_ws(options):
    table = Table("WebSocket, 32 bytes there and back, 1,000 connections", "generator", "µs/message and its echo (lowest–highest)", "echoes/s", "× ours", "budget", "")
    floor = Path(options.build) / "bench" / "ws_floor"
    with ws_echo(options) as server:
        figures = rounds({
            "Katydid WebSocketUser": headless(KATYDID, FILES / "ws_echo.py", server.url, 1000),
            "Locust, websocket-client": headless(STOCK, FILES / "ws_echo_stock.py", server.url, 1000),
            "the floor: a read and a write": [floor, server.url.removeprefix("ws://"), 1000],
            "the floor, with the kernel's stamps": [floor, server.url.removeprefix("ws://"), 1000, "stamps"],
            **k6("k6", "ws_echo.js", server.url + "/", users=1000),
            **k6("k6, each echo timed", "ws_echo.js", server.url + "/", "-e", "TIMED=1", users=1000),
        }, server, options.rounds, warm=4.0)
    ours = figures["Katydid WebSocketUser"][0]
    for name, f in figures.items():
        budget = ("ours ≥ 40 × less", verdict(f[0] / ours, 40, False)) if name.startswith("Locust") else beside_k6(name, f[0] / ours, 8)
        table.row(name, us(f), f"{f[1]:,.0f}", f"{f[0] / ours:.1f}", *budget)
    table = Table("Memory of a WebSocketUser that waits with an open socket", "users", "worker's resident MB", "KB a user", "budget", "")
    with ws_echo(options) as server:
        before = None
        for n in (1, 15_000):  # as with HttpUser: tables that double weigh less
            wait_for(lambda: server.open() == 0, "the sockets of before to go", 60)
            with run_until_spawned(FILES / "ws_waiting.py", server.url, n, n) as process:
                wait_for(lambda n=n: server.open() == n, "every user to wait", 60)
                rss = lab.rss_bytes(lab.worker_pid(process.pid))
            each = None if before is None else (rss - before[1]) / (n - before[0]) / 1024
            table.row(f"{n:,}", f"{rss / 1e6:.0f}", "" if each is None else f"{each:.1f}", *(("≤ 10", verdict(each, 10)) if each else ("", "")))
            before = n, rss


def bench_post(options):
    table = Table("POST of small JSON, response.json() on 200 bytes, catch_response", "generator", "µs/request (lowest–highest)", "requests/s", "× wrk's POST", "budget", "")
    with nginx() as server:
        figures = rounds({
            "wrk (POST, nothing parsed)": wrk(server.url + "/json", script=FILES / "post.lua"),
            "Katydid HttpUser": headless(KATYDID, FILES / "post_json.py", server.url),
            **k6("k6", "post_json.js", server.url + "/json"),
        }, server, options.rounds)
    for name, f in figures.items():
        ratio = f[0] / figures["wrk (POST, nothing parsed)"][0]
        table.row(name, us(f), f"{f[1]:,.0f}", f"{ratio:.2f}", *(("≤ 1.10", verdict(ratio, 1.1)) if name.startswith("Katydid") else ("", "")))


def bench_judged(options):
    """The predicate is the file's own Python: told apart."""
    table = Table("GET, with a tag, a check and three thresholds", "file", "µs/request (lowest–highest)", "requests/s", "× the plain one", "budget", "")
    gates = [word for text in ("p95 < 60s", "p99 of {tier:gold} < 60s", "check_ratio > 0.9") for word in ("--threshold", text)]
    with nginx() as server:
        figures = rounds({
            "get_http.py": headless(KATYDID, FILES / "get_http.py", server.url),
            "get_unjudged.py: a predicate, called": headless(KATYDID, FILES / "get_unjudged.py", server.url),
            "get_judged.py: tag, check, thresholds": headless(KATYDID, FILES / "get_judged.py", server.url, 100, *gates),
        }, server, options.rounds)
    plain = figures["get_http.py"][0]
    for name, f in figures.items():
        ratio = f[0] / plain
        table.row(name, us(f), f"{f[1]:,.0f}", f"{ratio:.3f}", *(("≤ 1.03", verdict(ratio, 1.03)) if "tag" in name else ("", "")))


def bench_journal(options):
    """Each request into a file, of which nothing may be dropped. The budget is for 50,000 requests/s, or as many as there are."""
    table = Table("GET, each request into a file", "file", "µs/request (lowest–highest)", "requests/s", "× without", "budget", "")
    with nginx() as server, tempfile.TemporaryDirectory() as folder:
        at_rate = ("--scenario", "a:constant-vus:users=100,duration=60s,throttle=50000/s")
        rated = rounds({name: headless(KATYDID, FILES / "get_http.py", server.url, 100, *at_rate, *more)
                        for name, more in (("none", ()), ("json", ("--out", f"json={folder}/r.json")))}, server, options.rounds)
        kinds = ("json=r.json", "json=r.json.zst", "json=r.json.gz", "csv=r.csv", "jtl=r.jtl")
        figures = rounds({"none": headless(KATYDID, FILES / "get_http.py", server.url)} | {
            kind: headless(KATYDID, FILES / "get_http.py", server.url, 100, "--out", kind.replace("=", f"={folder}/")) for kind in kinds}
            | k6("k6: none", "get.js", server.url + "/") | k6("k6: json=r.json", "get.js", server.url + "/", "--out", f"json={folder}/k6.json"), server, options.rounds)
    for name, f in figures.items():
        plain = figures["k6: none" if name.startswith("k6") else "none"]
        table.row(name, us(f), f"{f[1]:,.0f}", f"{f[0] / plain[0]:.3f}", "", "")
    ratio = rated["json"][0] / rated["none"][0]
    table.row("none, 50,000/s", us(rated["none"]), f"{rated['none'][1]:,.0f}", "1.000", "", "")
    table.row("json=r.json, 50,000/s", us(rated["json"]), f"{rated['json'][1]:,.0f}", f"{ratio:.3f}", "≤ 1.25", verdict(ratio, 1.25))


def run_until_spawned(file, url, users, rate, *more):
    process = Process([KATYDID, "-f", file, "-H", url, "--headless", "-u", users, "-r", rate, "-t", "300", "--only-summary", *more],
                      prefix=["taskset", "-c", "0"])
    process.wait_line("All users spawned", 120)
    return process


def bench_start(options):
    users = many_users()
    table = Table(f"Start of {users:,} users at -r 20000", "round", "seconds from the order to all spawned", "budget", "")
    with nginx() as server:
        for n in range(3):
            with run_until_spawned(FILES / "waiting.py", server.url, users, 20_000) as process:
                stamp = r"\[\S+ (\d+):(\d+):(\d+),(\d+)\].*"
                times = []
                for line in ("Ramping to", "All users spawned"):
                    h, m, s, ms = map(int, re.search(stamp + f"({line})", process.stderr).groups()[:4])
                    times.append(h * 3600 + m * 60 + s + ms / 1000)
                table.row(n + 1, f"{times[1] - times[0]:.2f}", "≤ 2", verdict(times[1] - times[0], 2))


def target_quantiles(reported, own):
    """Cells 'reported / own' for each percentile, and whether all are within 1 ms + 1 %."""
    cells, good = [], True
    for key, column in (("p50", "50%"), ("p90", "90%"), ("p95", "95%"), ("p99", "99%")):
        ours, theirs = reported[column], own[key]
        cells.append(f"{ours:.1f} / {theirs:.1f}")
        good = good and abs(ours - theirs) <= 1 + 0.01 * theirs
    return cells, good


def bench_hold(options):
    users = 100_000
    table = Table(f"{users:,} users in one worker process, each waking every 1–10 s; target answers after 20 ms",
                  "users held", "requests/s", "worker MB", "worker's share of a core", "p50 ours/target", "p90", "p95", "p99", "within 1 ms + 1 %")
    command = [KATYDID.parent / "support" / "target", "--address", "0.0.0.0"]
    with Process(command, prefix=["taskset", "-c", "1"]) as server:
        port = server.wait_line(r"http://0.0.0.0:(\d+)").group(1)
        url, page = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{(web := lab.free_port())}"
        with Process([KATYDID, "-f", FILES / "hold.py", "-H", url, "--autostart", "-u", users, "-r", 2500, "--web-port", web],
                     env={"HOLD_PORT": port}, prefix=["taskset", "-c", "0"]) as process:
            process.wait_line("Ramping", 60)
            wait_for(lambda: live(page)["user_count"] == users, f"{users} users", 120)
            time.sleep(10)  # everybody has had a first turn
            worker = lab.worker_pid(process.pid)
            lab.get(url + "/__reset")
            lab.get(page + "/stats/reset")
            cpu0, t0 = lab.cpu_seconds(worker), time.monotonic()
            time.sleep(15)
            cpu1, t1, rate_log, memory = lab.cpu_seconds(worker), time.monotonic(), lab.get_json(url + "/__log"), lab.rss_bytes(worker)
            process.popen.terminate()
            process.wait(60)
            own, reported = lab.get_json(url + "/__log"), percentiles_of(process.stderr)  # of the same requests
    cells, good = target_quantiles(reported, own)
    table.row(f"{users:,}", f"{rate_log['requests'] / (t1 - t0):,.0f}", f"{memory / 1e6:.0f}", f"{(cpu1 - cpu0) / (t1 - t0):.0%}", *cells, "yes" if good else "**no**")


def live(page):
    return lab.get_json(page + "/stats/requests")


def bench_scaling(options):
    table = Table("Two worker processes on two cores against one (a task with 0.1 ms of its own Python work; nginx shares the cores)",
                  "workers", "requests/s", "×", "budget", "")
    with nginx(core=None) as server:
        rates = {}
        for _ in range(options.rounds if options.rounds < 3 else 3):
            for n in (1, 2):
                before = server.count()
                with Process(headless(KATYDID, FILES / "busy.py", server.url, 50, "--processes", n)) as process:
                    wait_for(lambda: server.count() - before > 50, "the first requests", 60)
                    time.sleep(2)
                    n0, t0 = server.count(), time.monotonic()
                    time.sleep(4)
                    rates.setdefault(n, []).append((server.count() - n0) / (time.monotonic() - t0))
    one, two = (sorted(rates[n])[len(rates[n]) // 2] for n in (1, 2))
    table.row(1, f"{one:,.0f}", "1.00", "", "")
    table.row(2, f"{two:,.0f}", f"{two / one:.2f}", "≥ 1.8", verdict(two / one, 1.8, False))


def messaging_cpu(pid):
    """Of the thread that moves the messages, which is ZeroMQ's."""
    fields = [Path(f"{task}/stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(f.rsplit(") ", 1)[1].split()[k]) for f in fields if "(ZMQbg/IO" in f for k in (11, 12)) / lab.TICK


def bench_master(options):
    table = Table("Master with 200 simulated workers × 100 endpoints × 1 report/s", "timeline memory", "second", "share of a core", "of that ZeroMQ's thread",
                  "resident MB", "of that timeline MB", "budget", "")
    for limit, windows in ((256, 3), (8, 13)):
        with master_and_workers(200, 100, 15 + 10 * windows, "--timeline-memory", limit) as (master, page):
            time.sleep(5)
            for n in range(windows):
                cpu0, zmq0, t0 = own_cpu(master.pid), messaging_cpu(master.pid), time.monotonic()
                time.sleep(10)
                took = time.monotonic() - t0
                share, zmq = (own_cpu(master.pid) - cpu0) / took, (messaging_cpu(master.pid) - zmq0) / took
                used = lab.get_json(page + "/api/v1/live")["timeline"]["bytes"]
                table.row(f"{limit} MB", 5 + 10 * (n + 1), f"{share:.1%}", f"{zmq:.1%}", f"{lab.rss_bytes(master.pid) / 1e6:.1f}", f"{used / 1e6:.1f}", "≤ 20 %",
                          verdict(share, 0.20))

    bench_thousand(options)


def bench_thousand(options, workers=1000, windows=6):
    """Without and with keys in turn, as the machine is another one from minute to minute."""
    table = Table(f"Master with {workers:,} simulated workers × 100 endpoints × 1 report/s", "link", "all joined after s", "share of a core, windows of 10 s", "median", "of that ZeroMQ's thread",
                  "resident MB, first–last window", "× without keys", "budget", "")
    shares = {"plain": [], "CURVE": []}
    with tempfile.TemporaryDirectory() as folder:
        for n in range(2):
            for link, seen in shares.items():
                with master_and_workers(workers, 100, 25 + 10 * windows, keys=f"{folder}/{n}.keys" if link == "CURVE" else None) as (master, page):
                    time.sleep(5)
                    zmq0, begin, sizes, own = messaging_cpu(master.pid), time.monotonic(), [], []
                    for _ in range(windows):
                        cpu0, t0 = own_cpu(master.pid), time.monotonic()
                        time.sleep(10)
                        own.append((own_cpu(master.pid) - cpu0) / (time.monotonic() - t0))
                        sizes.append(lab.rss_bytes(master.pid) / 1e6)
                    zmq = (messaging_cpu(master.pid) - zmq0) / (time.monotonic() - begin)
                seen += own
                median = statistics.median(own)
                ratio = statistics.median(shares["CURVE"]) / statistics.median(shares["plain"]) if link == "CURVE" else 1
                budget = ("≤ 15 %, ≤ 1.25 ×, joined ≤ 5 s", verdict(max(median / 0.15, ratio / 1.25, master.joined_s / 5), 1)) if link == "CURVE" else (
                    "≤ 12 %, ≤ 120 MB", verdict(max(median / 0.12, sizes[-1] / 120), 1))
                table.row(link, f"{master.joined_s:.1f}", " ".join(f"{share:.1%}" for share in own), f"{median:.1%}", f"{zmq:.1%}", f"{sizes[0]:.0f}–{sizes[-1]:.0f}",
                          "" if link == "plain" else f"{ratio:.2f}", *budget)


def percentiles_of(text, name="Aggregated"):
    """{'50%': ms …} of a row of the final percentile table."""
    table = text.split("Response time percentiles")[-1]
    header = next(line for line in table.splitlines() if "50%" in line)
    row = next(line for line in table.splitlines() if name in line)
    columns = re.findall(r"[\d.]+%", header)
    return dict(zip(columns, (float(v) for v in row.split(name)[1].split()), strict=False))


def cut_of(text):
    """Requests that the target has and no row: cut off in flight, or answered as their task ended before it judged them."""
    return sum(int(n.replace(",", "")) for n in re.findall(r"([\d,]+) requests? (?:was|were) (?:cut off|answered, but)", text))


def truth_run(path, users, seconds, *more, kill=False):
    """One run against the exact target; returns (target's log, requests, cut, percentiles, process)."""
    rate = users if kill else max(1, users // 8)  # no thousand connects at once: the target's log does not know of them
    with lab.target(prefix=["taskset", "-c", "1"]) as server, tempfile.TemporaryDirectory() as folder:
        command = [KATYDID, "-f", FILES / "truth.py", "-H", server.url, "--headless", "-u", users, "-r", rate, "-t", seconds, "--csv", f"{folder}/out", *more]
        with Process(command, env={"TRUTH_PATH": path}, prefix=["taskset", "-c", "0"]) as process:
            if kill:
                process.wait_line("All users spawned", 60)
                time.sleep(seconds / 2)
                os.kill(lab.worker_pid(process.pid), 9)
            process.wait(seconds + 60)
            row = lab.csv_row(f"{folder}/out_stats.csv", "Aggregated")
            return server.log(), int(row["Request Count"]), cut_of(process.stderr), percentiles_of(process.stderr), process


def bench_truth(options):
    table = Table("Truth: reported / the target's own log, ms (within 1 ms + 1 %?)", "target", "users", "p50", "p90", "p95", "p99", "right",
                  "target's requests", "reported", "cut off in flight", "equal")
    for path in ("/delay/20", "/bimodal"):
        for users in (1, 1000):
            own, requests, cut, reported, _ = truth_run(path, users, 20)
            cells, good = target_quantiles(reported, own)
            table.row(path, users, *cells, "yes" if good else "**no**", own["requests"], requests, cut, "yes" if own["requests"] == requests + cut else "**no**")
    own, requests, cut, _, process = truth_run("/delay/20", 200, 12, "--processes", 2, kill=True)
    lost = [line for line in process.stderr.splitlines() if "lost" in line or "missing" in line]
    print(f"\nA worker killed in the middle: target {own['requests']}, reported {requests}, cut {cut}, "
          f"difference {own['requests'] - requests - cut} (not delivered by the worker that was killed)")
    print("\n".join("    " + line for line in lost))


BY_NAME_ONLY = ("knee", "million", "sources", "churn", "half", "gate")
BENCHES = {name[6:]: function for name, function in list(globals().items()) if name.startswith("bench_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", choices=[*BENCHES, []])
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    print(f"{cpu.group(1) if cpu else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
          f"{subprocess.run(['nginx', '-v'], capture_output=True, text=True).stderr.strip()}, stock Locust in build/venv-locust")
    for name in options.names or [name for name in BENCHES if name not in BY_NAME_ONLY]:
        BENCHES[name](options)


if __name__ == "__main__":
    sys.exit(main())
