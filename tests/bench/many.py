"""The benchmarks of many users and of large bodies: what grows with their number and size."""

import json
import resource
import statistics
import tempfile
import time
from pathlib import Path

import lab
from lab import FILES, KATYDID, VENV, Process, Table, headless, nginx, rounds, verdict, wait_for, wrk

WAKES_A_SECOND = 4  # of each user of waking.py
RAMP_S, HELD_S = 4, 20  # of bench_waits
BODIES = (("1 KB", 1 << 10, 100), ("100 KB", 100 << 10, 100), ("10 MB", 10 << 20, 10))  # name, bytes, users


def us(figures):
    return f"{figures[0]:.2f} ({figures[2]:.2f}–{figures[3]:.2f})"


def bench_many(options):
    for users, most in ((1_000, 1.05), (10_000, 1.0)):
        table = Table(f"GET, 12-byte body, {users:,} users, no wait", "generator", "µs/request (lowest–highest)", "requests/s",
                      "× wrk with as many connections", "budget", "")
        with nginx() as server:
            figures = rounds({
                "wrk": wrk(server.url + "/", users),
                "Katydid HttpUser": headless(KATYDID, FILES / "get_http.py", server.url, users),
                **lab.k6("k6", "get.js", server.url + "/", users=users),
            }, server, options.rounds, warm=4.0)
        for name, f in figures.items():
            ratio = f[0] / figures["wrk"][0]
            table.row(name, us(f), f"{f[1]:,.0f}", f"{ratio:.2f}", *((f"≤ {most}", verdict(ratio, most)) if name.startswith("Katydid") else ("", "")))


def bench_bodies(options):
    discards = "k6, --discard-response-bodies"
    for label, size, users in BODIES:
        table = Table(f"GET, body of {label}, {users} users", "generator", "µs/request (lowest–highest)", "requests/s", "× wrk", "budget", "")
        with nginx() as server:
            url = server.put(f"body-{size}", size)
            commands = {
                "wrk": wrk(url, users),
                "Katydid FastHttpUser": headless(KATYDID, FILES / "get_body.py", url, users),
                "Katydid, --discard-response-bodies": headless(KATYDID, FILES / "get_body.py", url, users, "--discard-response-bodies"),
            }
            figures = rounds(commands | lab.k6(discards, "get.js", url, "--discard-response-bodies", users=users), server, options.rounds)
        for name, f in figures.items():
            ratio = f[0] / figures["wrk"][0]
            budget = ("≤ 1.05", verdict(ratio, 1.05)) if name.endswith("User") else ("", "")
            if discards in figures and name.startswith("Katydid, "):
                budget = ("≤ k6", verdict(f[0], figures[discards][0]))
            table.row(name, us(f), f"{f[1]:,.0f}", f"{ratio:.2f}", *budget)


def waiting(name, command, users):
    """Cells of a run that reports into files named report: rate, share of a core, resident MB, p50 and p99 as reported and as the target has them."""
    with lab.target(prefix=["taskset", "-c", str(lab.TARGET_CORE)]) as server, tempfile.TemporaryDirectory() as folder:
        with Process(command(server.url, f"{folder}/report"), prefix=["taskset", "-c", str(lab.GENERATOR_CORE)]) as process:
            wait_for(lambda: server.log()["requests"] > 2 * users, "everybody's second request", 120)
            cpu, n, began = lab.cpu_seconds(process.pid), server.log()["requests"], time.monotonic()
            time.sleep(6)
            took = time.monotonic() - began
            cpu, n = (lab.cpu_seconds(process.pid) - cpu) / took, (server.log()["requests"] - n) / took
            memory = sum(lab.rss_bytes(p) for p in lab.tree(process.pid)) / 1e6
            process.wait(180)
        own = server.log()
        if name == "k6":
            said = json.loads(Path(folder, "report").read_text())["metrics"]["http_req_duration"]
            reported = said["med"], said["p(99)"]
        else:
            row = lab.csv_row(f"{folder}/report_stats.csv", "Aggregated")
            reported = float(row["50%"]), float(row["99%"])
    return [f"{n:,.0f}", f"{cpu:.0%}", f"{memory:.0f}", *(f"{a:.1f} / {own[b]:.1f}" for a, b in zip(reported, ("p50", "p99"), strict=True))]


def waiting_by_locustfile(program, users):
    return lambda url, report: [program, "-f", FILES / "get_seconds.py", "-H", url, "--headless", "-u", users, "-r", users // RAMP_S, "-t", RAMP_S + HELD_S,
                                "--only-summary", "--csv", report]


def waiting_by_k6(users):
    stages = ("--stage", f"{RAMP_S}s:{users}", "--stage", f"{HELD_S}s:{users}")
    return lambda url, report: lab.k6("k6", "get_seconds.js", url + "/delay/20", *stages, "--summary-trend-stats", "med,p(99)", "--summary-export", report, users=None)["k6"]


def bench_waits(options):
    """What is said of Locust and k6 most: so many users, with a second between two requests."""
    for users in (1_000, 5_000):
        table = Table(f"{users:,} users with waits of 1 s on one core, a target that answers after 20 ms", "generator", "requests/s", "share of the core", "resident MB",
                      "p50 reported / the target's own log, ms", "p99")
        commands = {"Katydid": waiting_by_locustfile(KATYDID, users), "Locust": waiting_by_locustfile(VENV / "bin" / "locust", users)}
        if lab.K6:
            commands["k6"] = waiting_by_k6(users)
        for name, command in commands.items():
            table.row(name, *waiting(name, command, users))


def share(file, users, seconds=10.0):
    """Of a core, once all users are there."""
    with Process([KATYDID, "-f", file, "-H", "http://127.0.0.1:1", "--headless", "-u", users, "-r", users, "-t", "120", "--only-summary"],
                 prefix=["taskset", "-c", str(lab.GENERATOR_CORE)]) as process:
        process.wait_line("All users spawned", 120)
        time.sleep(2)
        cpu, began = lab.cpu_seconds(process.pid), time.monotonic()
        time.sleep(seconds)
        return (lab.cpu_seconds(process.pid) - cpu) / (time.monotonic() - began)


def bench_wake(options):
    users = 10_000
    table = Table(f"Wake-up of a waiting user (wait_time only), {users:,} users", "round", "µs a wake-up", "budget", "")
    for n in range(options.rounds):
        idle, busy = share(FILES / "ending.py", users), share(FILES / "waking.py", users)
        each = (busy - idle) / (users * WAKES_A_SECOND) * 1e6
        table.row(n + 1, f"{each:.2f}", "≤ 3.5", verdict(each, 3.5))


def many_users():
    """20,000, or as many as the descriptors of one process allow here (each keeps a connection)."""
    return min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 1000)


def is_quiet(server):
    """No request in half a second but our own look at the count."""
    before = server.count()
    time.sleep(0.5)
    return server.count() == before + 1


def resident(file, server, users):
    """Bytes of the worker, when all users wait."""
    with Process([KATYDID, "-f", file, "-H", server.url, "--headless", "-u", users, "-r", users, "-t", "300", "--only-summary"],
                 prefix=["taskset", "-c", str(lab.GENERATOR_CORE)]) as process:
        process.wait_line("All users spawned", 120)
        time.sleep(2)
        wait_for(lambda: is_quiet(server), "every user to wait", 60)
        return lab.rss_bytes(lab.worker_pid(process.pid))


def bench_memory(options):
    users = many_users()
    table = Table(f"Memory of a waiting HttpUser, {users:,} of them", "connection", "worker's resident MB with one user", "with all", "KB a user", "budget", "")
    with nginx() as server:
        for name, file, most in (("open", "waiting.py", 6.0), ("none", "waiting_alone.py", 3.5)):
            one, all_of_them = (resident(FILES / file, server, n) for n in (1, users))
            each = (all_of_them - one) / (users - 1) / 1024
            table.row(name, f"{one / 1e6:.1f}", f"{all_of_them / 1e6:.1f}", f"{each:.1f}", f"≤ {most}", verdict(each, most))


def counted(names, seconds=10):
    """(processor time, resident bytes) of the worker at the end of so many seconds of 20,000 requests each."""
    with Process([KATYDID, "-f", FILES / "names.py", "-H", "http://127.0.0.1:1", "--headless", "-u", 1, "-t", 120, "--only-summary"], env={"NAMES": str(names)}) as process:
        process.wait_line("All users spawned", 60)
        worker = lab.worker_pid(process.pid)
        time.sleep(1)
        began = lab.own_cpu_seconds(worker)
        time.sleep(seconds)
        return lab.own_cpu_seconds(worker) - began, lab.rss_bytes(worker)


def bench_names(options):
    table = Table("20,000 requests a second, fired as events by one user", "names", "processor time of the worker, s in 10 (lowest–highest)", "× one name", "its resident MB", "budget", "")
    seen = {1: [], 10_000: []}
    for _ in range(options.rounds):
        for names, figures in seen.items():
            figures.append(counted(names))
    base = statistics.median(cpu for cpu, _ in seen[1])
    for names, figures in seen.items():
        times, sizes = zip(*figures, strict=True)
        ratio, size = statistics.median(times) / base, max(sizes) / 1e6
        table.row(f"{names:,}", f"{statistics.median(times):.2f} ({min(times):.2f}–{max(times):.2f})", f"{ratio:.2f}", f"{size:.0f}",
                  *(("≤ 1.05 ×, ≤ 120 MB", verdict(max(ratio / 1.05, size / 120), 1)) if names > 1 else ("", "")))
