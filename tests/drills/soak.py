# SPDX-License-Identifier: MIT
"""make soak HOURS=24: a test that goes on, with everything that could grow, and whether something does.

    python3 tests/drills/soak.py --build BUILD HOURS

1,000 names, errors with ever new texts, two workers that stay and one that comes and goes (it quits, and every fourth time is killed), two
viewers of the page, every output (those for stores go to receivers of ours that keep nothing). Memory, descriptors and processor share of master,
its locustfile's process and the two workers are sampled; the last lines are a table of their slopes after the warm-up and "N passed, N failed".
A slope fails when its interval lies above its bound. What the master keeps of a run by design (its timeline, histograms, single requests, metrics,
log lines) it tells itself on /metrics, with a limit for each: that has to be within the limit, and the rest of its memory has to be flat: the rest of
what is resident, and of what its code has asked for and not given back, in which a leak is seen whatever the allocator keeps. All are in the table.
PostgreSQL (--out timescale) is left out: a store of others.
"""

import argparse
import itertools
import json
import os
import re
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

USERS, PER_USER_S = 60, 0.4
STAYS_S, AWAY_S = 45, 15  # of the worker that comes and goes
WARM_UP_S, WARM_UP_SHARE = 1200, 0.4  # what a start costs is no leak: the shorter of both
TIMELINE_MB, BUFFER_MB = 8, 1  # the least there is, so that the limits of what is kept are reached early in the run
BOUNDS = {"memory MB": 4.0, "rest MB": 4.0, "in use MB": 4.0, "descriptors": 1.0, "processor %": 2.0}  # per hour
KEPT_EVERY = 6  # samples: a scrape of 1,000 names costs more than they do
KEPT_LINE = re.compile(r'katydid_kept_(limit_)?bytes\{.*?what="(\w+)".*?\} (\S+)')
HEAP_LINE = re.compile(r'katydid_heap_bytes\{.*?state="(\w+)".*?\} (\S+)')
TOLD = {"kept MB": "has limits", "free MB": "in the heap"}  # what explains the others
BEFORE_END_S = 10  # of the test, which began later than the soak: who looks on goes first, whatever a scrape takes
MB = 1 << 20


def kept_by(text):
    """{kind: (bytes, most that they may be)} of what a master says that it keeps."""
    told = {}
    for is_limit, kind, number in KEPT_LINE.findall(text):
        told.setdefault(kind, {})[bool(is_limit)] = float(number)
    assert told, "the master does not tell what it keeps"
    return {kind: (of[False], of[True]) for kind, of in told.items()}


class Sampler:
    """Rows (seconds, {(who, what): value}) of processes that stay, and (seconds, what the master keeps)."""

    def __init__(self, pids, url):
        from processes import processor_s
        self.pids, self.url, self.rows, self.kept, self.heap, self.began = pids, url, [], [], {}, time.monotonic()
        self.used = {who: (time.monotonic(), processor_s(pid)) for who, pid in pids.items()}

    def take(self):
        from processes import memory_mb, open_files, processor_s
        row = {}
        for who, pid in self.pids.items():
            at, used = time.monotonic(), processor_s(pid)
            before = self.used[who]
            self.used[who] = (at, used)
            row[who, "memory MB"] = memory_mb(pid)
            if who == "master":
                row[who, "kept MB"] = self.keeps() / MB
                row[who, "rest MB"] = row[who, "memory MB"] - row[who, "kept MB"]
                row[who, "free MB"] = self.heap["free"] / MB
                row[who, "in use MB"] = self.heap["used"] / MB - row[who, "kept MB"]
            row[who, "descriptors"] = open_files(pid)
            row[who, "processor %"] = 100 * (used - before[1]) / max(at - before[0], 1e-3)
        self.rows.append((time.monotonic() - self.began, row))

    def keeps(self):
        """Bytes, as of the latest scrape."""
        from harness import get
        if len(self.rows) % KEPT_EVERY == 0:
            text = get(f"{self.url}/metrics").decode()
            self.kept.append((time.monotonic() - self.began, kept_by(text)))
            self.heap = {state: float(size) for state, size in HEAP_LINE.findall(text)}
        return sum(size for size, _ in self.kept[-1][1].values())


class Background:
    """Threads that do something until the end; whoever raises has failed."""

    def __init__(self):
        self.is_over, self.threads, self.failures = threading.Event(), [], []

    def start(self, work, *arguments):
        def run():
            try:
                work(self.is_over, *arguments)
            except Exception as error:  # noqa: BLE001: told at the end, whatever it was
                if not self.is_over.is_set():
                    self.failures.append(f"{work.__name__}: {error!r}")

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def end(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join(60)


def watch_page(is_over, url):
    """One who looks at the page all the time."""
    from viewer import Viewer
    viewer, said = Viewer(url, query="?pack=deflate"), None
    try:
        while not is_over.is_set() and (said := viewer.message("tick", "bye")) and said["type"] == "tick":
            viewer.say({"type": "ack", "tick": said["tick"]})
        assert is_over.is_set(), f"the page's socket was closed: {said['why'] if said else 'without a word'}"
    finally:
        viewer.close()


def look_at_screens(is_over, url):
    """What the page of that one asks for meanwhile: its other screens, one after another."""
    from harness import get
    for asked in itertools.cycle(["series", "failures", "exceptions", "workers", "events", "metrics", "samples?row=1", "logs?since=0", "heatmap", "verdict"]):
        if is_over.wait(10):
            return
        get(f"{url}/api/v1/{asked}")


def visit_page(is_over, url):
    """One who comes, looks for a minute, scrapes, takes a report and goes."""
    from harness import get
    from viewer import Viewer
    while not is_over.is_set():
        viewer = Viewer(url)
        until = time.monotonic() + 60
        while time.monotonic() < until and not is_over.is_set() and (tick := viewer.message("tick")):
            viewer.say({"type": "ack", "tick": tick["tick"]})
        viewer.close()
        for path in ("/metrics", "/stats/requests", "/api/v1/report"):
            if not is_over.is_set():
                get(url + path)


def come_and_go(is_over, start, lives):
    """The worker that joins, works and leaves, over and over; `lives` are its processes that were killed or not."""
    from harness import signal
    while not is_over.is_set():
        with start() as process:
            is_over.wait(STAYS_S)
            if process.popen.poll() is None:
                is_killed = len(lives) % 4 == 3 and not is_over.is_set()
                process.signal(signal.SIGKILL if is_killed else signal.SIGTERM)
                lives.append(is_killed)
            process.wait()
        is_over.wait(AWAY_S)


@contextmanager
def outputs(folder):
    """The options that name every output, and {kind: what its receiver took}."""
    import receivers
    from harness import free_port
    from sinkhole import http_sinkhole, tcp_sinkhole, udp_sinkhole
    with ExitStack() as stack:
        http = {kind: stack.enter_context(http_sinkhole()) for kind in ("influxdb", "otlp", "remote-write", "datadog")}
        traces = stack.enter_context(receivers.grpc_receiver())
        udp = {kind: stack.enter_context(udp_sinkhole()) for kind in ("statsd", "dogstatsd")}
        carbon = stack.enter_context(tcp_sinkhole())
        url = {kind: f"http://127.0.0.1:{port}" for kind, (port, _) in http.items()}
        out = [f"influxdb={url['influxdb']}/soak", f"otlp={url['otlp']}", f"remote-write={url['remote-write']}/w,version=1",
               f"datadog={url['datadog']},interval=2s", f"otlp-traces={traces.url},protocol=grpc", f"graphite=127.0.0.1:{carbon[0]}",
               f"prometheus=127.0.0.1:{free_port()}", f"hdrlog={folder}/times.hlog", *(f"{kind}={folder}/all.{kind}.zst,buffer={BUFFER_MB}" for kind in ("json", "csv", "jtl")),
               *(f"{kind}=127.0.0.1:{port}" for kind, (port, _) in udp.items())]
        files = {"--csv": "table", "--html": "report.html", "--json-file": "final", "--logfile": "log", "--junit": "junit.xml", "--summary": "summary.json",
                 "--k6-summary": "k6.json", "--metrics-file": "metrics.txt", "--markdown": "verdict.md"}
        options = [word for one in out for word in ("--out", one)] + [word for name, file in files.items() for word in (name, f"{folder}/{file}")]
        taken = {kind: sink[1] for kind, sink in {**http, **udp, "graphite": carbon}.items()}
        stack.callback(traces.close)
        yield [*options, "--html-samples", "--html-logs", "--trace", 0.02], taken, traces


def soak(hours, folder):
    """(the Sampler, failures: texts)"""
    from harness import csv_row, free_port, katydid, target, wait_for, children
    port, web, seconds, lives = free_port(), free_port(), int(hours * 3600), []
    load = ROOT / "tests" / "drills" / "soak_load.py"
    url = f"http://127.0.0.1:{web}"
    worker = lambda: katydid("-f", load, "--worker", "--master-port", port, cwd=folder, env=env)  # noqa: E731
    env = {"KATYDID_HISTORY": f"{folder}/history", "DD_API_KEY": "0123456789"}
    back, failures, began = Background(), [], time.monotonic()
    with target() as server, outputs(folder) as (options, taken, traces), \
            katydid("-f", load, "-H", server.url, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--web-port", web,
                    "--autostart", "--autoquit", 0, "--expect-workers", 2, "-u", USERS, "-r", USERS, "-t", seconds, "--timeline-memory", TIMELINE_MB,
                    *options, cwd=folder, env=env) as boss, worker() as one, worker() as two:
        log = Path(folder) / "log"
        wait_for(lambda: boss.popen.poll() is not None or log.exists() and "All users spawned" in log.read_text(), "the users")
        assert boss.popen.poll() is None, boss.describe()
        sampler = Sampler({"master": boss.pid, "its script": children(boss.pid)[0], "worker 1": one.pid, "worker 2": two.pid}, url)
        for work, *arguments in ((watch_page, url), (look_at_screens, url), (visit_page, url), (come_and_go, worker, lives)):
            back.start(work, *arguments)
        every, until = min(5.0, seconds / 200), began + seconds - BEFORE_END_S
        try:
            while time.monotonic() + every < until and boss.popen.poll() is None:
                back.is_over.wait(every)
                sampler.take()
                traces.calls.clear()
            seen_early = boss.popen.poll()
        finally:
            back.end()
        code = boss.wait(600)
        codes = [process.wait(120) for process in (one, two)]
        seen = server.log()["requests"]
    text = log.read_text()
    if seen_early is not None:
        failures.append(f"the master ended early with {seen_early}\n{text[-3000:]}")
    if code != 1 or any(codes):
        failures.append(f"exit codes {code}, {codes}: 1 (requests fail here), 0, 0 are right")
    failures += back.failures
    failures += [f"{kind}: nothing came" for kind, sink in taken.items() if not sink.bytes]
    reported = int(csv_row(f"{folder}/table_stats.csv", "Aggregated")["Request Count"])
    total = json.loads(Path(folder, "summary.json").read_text())["total"]
    beside = total["cut"] + total["discarded"] + total["resent"]
    missing, killed = seen - reported - beside, sum(lives)
    told = (text + boss.stdout + boss.stderr).count("is missing above")
    print(f"{seen} seen by the target = {reported} reported + {beside} cut off, discarded or sent again + {missing} missing; "
          f"the third worker lived {len(lives)} times, was killed {killed} times; losses told: {told}", flush=True)
    if missing < 0 or missing > killed * USERS / 3 / PER_USER_S * 3 or (missing and not told):
        failures.append(f"{missing} requests are missing after {killed} kills, {told} of them told")
    failures += [f"the master keeps {size / MB:.1f} MB of {kind}, {limit / MB:.1f} MB at most are right"
                 for kind, (size, limit) in sampler.kept[-1][1].items() if size > 1.05 * limit]  # a second comes before another goes
    return sampler, failures


def verdict(who, what, slope):
    """A word for the line, and whether it counts as right, as wrong, or (None) is judged by its parts."""
    if what in TOLD or (who, what) == ("master", "memory MB"):
        return TOLD.get(what, "kept + rest"), None
    is_flat = slope.is_within(BOUNDS[what])
    return ("flat" if is_flat else "GROWS"), is_flat


def table(rows, seconds):
    """Prints it; returns how many lines are right, and how many are not."""
    from slopes import slope_of
    begin = min(WARM_UP_S, WARM_UP_SHARE * seconds)
    kept = [(at, row) for at, row in rows if at >= begin]
    print(f"\nslopes per hour after the first {begin:.0f} s, {len(kept)} samples; 95 % intervals (moving-block bootstrap)")
    print(f"{'process':<11} {'what':<12} {'first':>8} {'mean':>8} {'last':>8} {'slope/h':>9} {'from':>9} {'to':>9} {'bound':>7}")
    good = bad = 0
    for who, what in kept[0][1]:
        values = [row[who, what] for _, row in kept]
        slope = slope_of([at for at, _ in kept], values)
        word, is_right = verdict(who, what, slope)
        good, bad = good + (is_right is True), bad + (is_right is False)
        bound = "-" if is_right is None else f"{BOUNDS[what]:.1f}"
        print(f"{who:<11} {what:<12} {values[0]:8.1f} {slope.mean:8.1f} {values[-1]:8.1f} {slope.per_hour:9.2f} {slope.low:9.2f} {slope.high:9.2f} "
              f"{bound:>7}  {word}", flush=True)
    return good, bad


def table_of_kept(kept, seconds):
    """Of what the master keeps: prints it, each kind and its limit."""
    begin = min(WARM_UP_S, WARM_UP_SHARE * seconds)
    first = next(told for at, told in kept if at >= begin)
    print(f"\n{'kept by the master':<24} {'first MB':>9} {'last MB':>9} {'limit MB':>9}")
    for kind, (size, limit) in kept[-1][1].items():
        print(f"{kind:<24} {first[kind][0] / MB:9.1f} {size / MB:9.1f} {limit / MB:9.1f}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", required=True)
    options.add_argument("--keep", help="a file for all samples, as CSV")
    options.add_argument("hours", type=float)
    given = options.parse_args()
    os.environ["KATYDID_BUILD"] = os.path.abspath(given.build)
    with tempfile.TemporaryDirectory(prefix="katydid-soak-") as folder:
        sampler, failures = soak(given.hours, folder)
    rows = sampler.rows
    if given.keep:
        lines = [",".join(["seconds", *(f"{who} {what}" for who, what in rows[0][1])])]
        Path(given.keep).write_text("\n".join(lines + [",".join([f"{at:.1f}", *(f"{v:.2f}" for v in row.values())]) for at, row in rows]) + "\n")
    good, bad = table(rows, given.hours * 3600)
    table_of_kept(sampler.kept, given.hours * 3600)
    for failure in failures:
        print("failed:", failure)
    print(f"{good + (not failures)} passed, {bad + len(failures)} failed")
    return 1 if bad or failures else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
