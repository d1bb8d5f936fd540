"""The benchmarks of a process's own life: from its start to the first request, and from SIGINT to its end.

PROGRAM=path in the environment puts beside it a katydid that is installed somewhere, by a package or a wheel.
"""

import os
import re
import resource
import signal
import socket
import statistics
import time
from contextlib import contextmanager
from pathlib import Path

import lab
from lab import FILES, KATYDID, VENV, Process, Table, free_port, verdict

STOCK = VENV / "bin" / "locust"
PROGRAM = os.environ.get("PROGRAM")
ENDING_USERS = 10_000


def exact_cpu_seconds(pid):
    """Of a process's threads that live and of all below it; /proc/PID/stat knows hundredths of a second only."""
    return sum(map(lab.own_cpu_seconds, lab.tree(pid)))


@contextmanager
def door():
    """A server that takes no connection before it is asked to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield listener


def first_request(command, listener):
    """(processor time, wall time) in ms until the first bytes of the first request are there."""
    began = time.monotonic()
    with Process(command, env={"TARGET": f"http://127.0.0.1:{listener.getsockname()[1]}"}) as process:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1)
            took, cpu = time.monotonic() - began, exact_cpu_seconds(process.pid)
            process.popen.send_signal(signal.SIGINT)
        process.wait(60)
    return cpu * 1e3, took * 1e3


def first_request_of_a_worker(program, plain, listener):
    """The same of a worker whose master waits for it."""
    port = free_port()
    with Process([program, *plain, "--master", "--master-bind-port", port, "--expect-workers", 1], env={"TARGET": "http://127.0.0.1"}) as master:
        master.wait_line("Waiting for workers to be ready", 60)
        figures = first_request([program, *plain[:2], "--worker", "--master-port", port], listener)
        master.popen.send_signal(signal.SIGINT)
        master.wait(60)
    return figures


def bench_first(options):
    table = Table("From the start of the command to the first request of one user", "generator", "processor time ms (lowest–highest)", "wall ms (lowest–highest)",
                  "budget", "")
    ours = {"Katydid": KATYDID, **({f"Katydid, {PROGRAM}": PROGRAM} if PROGRAM else {})}
    with door() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        plain = ["-f", FILES / "first.py", "-H", url, "--headless", "-u", 1, "-r", 1, "--only-summary"]
        commands = {**{name: [program, *plain] for name, program in ours.items()}, "Locust": [STOCK, *plain],
                    **lab.k6("k6", "get.js", url, "--vus", 1, "--iterations", 1, users=None)}
        seen = {name: [] for name in (*commands, *(f"{name}: a worker" for name in ours))}
        for _ in range(3 * options.rounds):
            for name, command in commands.items():
                seen[name].append(first_request(command, listener))
            for name, program in ours.items():
                seen[f"{name}: a worker"].append(first_request_of_a_worker(program, plain, listener))
    for name, figures in seen.items():
        cells = [f"{statistics.median(column):.0f} ({min(column):.0f}–{max(column):.0f})" for column in zip(*figures, strict=True)]
        cpu, wall = (statistics.median(column) for column in zip(*figures, strict=True))
        budget = ("≤ 200 and ≤ 350", verdict(max(cpu / 200, wall / 350), 1)) if name in ours else ("", "")
        if name.endswith(": a worker"):
            budget = ("≤ 350 wall", verdict(wall, 350))
        table.row(name, *cells, *budget)


def waited_for():
    """Processor time of all processes that ended so far, and of what these waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def end(program, file, url):
    """(seconds from SIGINT to the end, processor time of all processes in them, users whose on_stop ran)."""
    with Process([program, "-f", FILES / file, "-H", url, "--headless", "-u", ENDING_USERS, "-r", ENDING_USERS, "--only-summary"]) as process:
        process.wait_line("All users spawned", 120)
        time.sleep(2)
        used, began = lab.cpu_seconds(process.pid) + waited_for(), time.monotonic()
        process.popen.send_signal(signal.SIGINT)
        process.popen.wait(120)
        took, used = time.monotonic() - began, waited_for() - used
        process.wait(60)
    return took, used, int(re.search(r"on_stop of (\d+)", process.stdout).group(1))


def bench_end(options):
    table = Table(f"From SIGINT to the end of the process, {ENDING_USERS:,} waiting users with an on_stop", "generator", "round", "seconds", "processor time, s", "on_stop run", "budget", "")
    with lab.nginx(core=None) as server:
        for name, program, file in (("Katydid", KATYDID, "ending.py"), ("Katydid, each with an open connection", KATYDID, "ending_open.py"),
                                    ("Locust", STOCK, "ending.py")):
            for n in range(3):
                took, used, ended = end(program, file, server.url)
                budget = ("≤ 0.4, all", verdict(took / 0.4 + (ended != ENDING_USERS), 1)) if program == KATYDID else ("", "")
                table.row(name, n + 1, f"{took:.2f}", f"{used:.2f}", f"{ended:,}", *budget)
