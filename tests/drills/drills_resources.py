# SPDX-License-Identifier: MIT
"""Machines that have too little of something: room on a disk, descriptors, memory, processor time."""

import contextlib
import csv
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from cluster import FILE, PER_USER_S, Account, Cluster
from harness import KATYDID, Process, csv_row, locustfile, target, wait_for
from rig import drill


@contextlib.contextmanager
def small_disk(size="64k"):
    """A disk of that size, and what fills it and makes room again."""
    with tempfile.TemporaryDirectory(prefix="katydid-drill-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
        fill = Path(folder, "fill")

        def full():
            with contextlib.suppress(OSError), open(fill, "wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)

        try:
            yield Path(folder), full, fill.unlink
        finally:
            subprocess.run(["umount", folder], check=True)


def local(server, file, *more, prefix=(), users=5, seconds=4):
    return Process([KATYDID, "-f", file, "-H", server.url, "--headless", "-u", users, "-r", users, "-t", seconds, "--only-summary", *more],
                   env={"KATYDID_HISTORY": "off"}, prefix=prefix)


# Names and lines enough for files of more than a page, which a full disk still has room in.
TALKS = (FILE.replace("from locust", "import itertools, logging\n    from locust").replace("class", "turns = itertools.count()\n\n    class")
         .replace("    self.client", "    logging.info('p' * 200)\n            self.client").replace('"/delay/5"', '"/delay/5", name=f"/{next(turns) % 60}"'))


@contextlib.contextmanager
def served(text=FILE):
    with target() as server, locustfile(text) as file, tempfile.TemporaryDirectory(prefix="katydid-drill-") as folder:
        yield server, file, Path(folder)


def total(folder):
    return json.loads((folder / "summary.json").read_text())["total"]


def refused(report, *words):
    """A disk that is full from the beginning: nothing starts."""
    with small_disk() as (disk, full, _), served() as (server, file, _):
        full()
        with local(server, file, *[str(w).replace("DISK", str(disk)) for w in words]) as run:
            code, sent = run.wait(), server.log()["requests"]
            report.take(Account(sent, 0, 0, 0, sent, 0, 0, code), (74,))
            report.expect("No space left" in run.stderr and "Traceback" not in run.stderr, "it is not told as a full disk")


def full_later(report, *words):
    """A disk that is full when the load has begun: the load goes on, and the end tells."""
    with small_disk() as (disk, full, _), served(TALKS) as (server, file, folder):
        with local(server, file, *[str(w).replace("DISK", str(disk)) for w in words], "--summary", folder / "summary.json", seconds=6) as run:
            wait_for(lambda: server.log()["requests"] > 50, "load")
            while run.popen.poll() is None:  # what is replaced makes room
                full()
                time.sleep(0.1)
            run.wait()
            report.take_run(server.log()["requests"], total(folder), run, (74,))
            report.expect("No space left" in run.stderr, "it is not told as a full disk")


OUTPUTS = (("--csv", "o"), ("--json-file", "o"), ("--html", "o.html"), ("--logfile", "log"), ("--junit", "o.xml"))
for option, name in OUTPUTS:
    drill(f"full disk before the start: {option}")(lambda report, option=option, name=name: refused(report, option, f"DISK/{name}"))
    more = ("--csv-full-history",) if option == "--csv" else ()
    drill(f"full disk during the test: {option}")(lambda report, option=option, name=name, more=more: full_later(report, option, f"DISK/{name}", *more))


@drill("full disk: a history of runs")
def history(report):
    with small_disk() as (disk, full, _), served() as (server, file, folder):
        full()
        with local(server, file, "--history", disk, "--summary", folder / "summary.json") as run:
            run.wait()
            report.take_run(server.log()["requests"], total(folder), run)


@drill("a disk that is full for 3 s, --csv")
def for_a_while(report):
    with small_disk() as (disk, full, free), served() as (server, file, folder):
        with local(server, file, "--csv", disk / "o", "--csv-full-history", "--summary", folder / "summary.json", seconds=10) as run:
            wait_for(lambda: Path(disk, "o_stats_history.csv").exists() and server.log()["requests"] > 100, "a table")
            full()
            time.sleep(3)
            free()
            run.wait()
        account = report.take_run(server.log()["requests"], total(folder), run, (0, 74))
        rows = list(csv.reader(Path(disk, "o_stats_history.csv").open(newline="")))
        report.expect({len(row) for row in rows} == {len(rows[0])}, "a row of the history is torn")
        report.expect(int(csv_row(disk / "o_stats.csv", "Aggregated")["Request Count"]) == account.reported, "the table is not that of the end")


def limited(report, users, codes, **limits):
    with served() as (server, file, folder):
        prefix = ["prlimit", *(f"--{name}={value}" for name, value in limits.items())]
        with local(server, file, "--summary", folder / "summary.json", prefix=prefix, users=users) as run:
            report.code = code = run.wait()
            words = run.stderr.strip()
            report.expect(code in codes, f"exit code {code}, {codes} are right")
            report.expect(words and (code == 0 or "Traceback" not in words), f"no words, or a traceback: {words[-200:]!r}")
            if (folder / "summary.json").exists():
                report.take_run(server.log()["requests"], total(folder), run, codes)


for count, users in ((16, 20), (40, 20), (80, 200), (120, 200)):
    drill(f"{count} descriptors for {users} users")(lambda report, count=count, users=users: limited(report, users, (71,), nofile=f"{count}:{count}"))
for mb in (300, 450, 600, 900):
    drill(f"{mb} MB of address space for 200 users")(lambda report, mb=mb: limited(report, 200, (0, 1, 71), **{"as": mb << 20}))


@contextlib.contextmanager
def control_group(percent):
    """With a limit of processor time; by the kernel's version 1 or 2."""
    old = Path("/sys/fs/cgroup/cpu")
    group = Path(old if old.is_dir() else "/sys/fs/cgroup", f"katydid-drill-{os.getpid()}")
    group.mkdir()
    try:
        name, text = ("cpu.cfs_quota_us", f"{percent * 1000}") if old.is_dir() else ("cpu.max", f"{percent * 1000} 100000")
        (group / name).write_text(text)
        yield group
        wait_for(lambda: not (group / "cgroup.procs").read_text(), "the group to be left")
    finally:
        group.rmdir()


def throttled(report, percent):
    """The first worker has so little; that is told, and every request is."""
    with control_group(percent) as group:
        into = ("sh", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"', str(group))
        with Cluster(users=200, on=[(), into, ()]) as c:
            wait_for(lambda: sum(c.counts()) == c.users, "all users")
            before = c.seen()
            wait_for(lambda: c.seen() > before + 200 * PER_USER_S * 4, "load")
            report.end(c)
            report.expect(percent >= 30 or "not valid" in c.boss.stderr, "it is not told that the measurement is not valid")


for share in (5, 10, 30):
    drill(f"a worker with {share} % of a processor")(lambda report, share=share: throttled(report, share))
