# SPDX-License-Identifier: MIT
"""A cluster beside a target that counts by itself, and the account of what became of each request:

    sent by the target = reported + cut off or discarded + sent again + missing
"""

import contextlib
import json
import re
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from harness import KATYDID, Process, csv_row, free_port, get_json, locustfile, run_katydid, signal, target, wait_for

FILE = """
    from locust import HttpUser, constant, task

    class Visitor(HttpUser):
        wait_time = constant(0.05)

        @task
        def page(self):
            self.client.get("/delay/5")
"""
PER_USER_S = 1 / 0.055  # requests of one user; no machine makes it more


@dataclass
class Account:
    """told_s: for how many seconds of a worker, at most, the final words tell of requests that are missing; most: how many those may be."""

    sent: int
    reported: int
    cut: int
    resent: int
    missing: int
    told_s: int
    most: float
    code: int

    @classmethod
    def of(cls, sent, total, text, code, a_second=0):
        """total: that of --summary; text: what was said at the end; a_second: what a worker may send then."""
        cut, told_s = total["cut"] + total["discarded"], seconds_missing(text)
        return cls(sent, total["requests"], cut, total["resent"], sent - total["requests"] - cut - total["resent"], told_s, told_s * a_second, code)

    @property
    def is_told(self):
        """Nothing is missing that was not told."""
        return 0 <= self.missing <= self.most


def seconds_missing(text):
    return sum(int(s) for s in re.findall(r"at most (\d+) s of requests, is missing above", text))


class Readable(Exception):
    """The link has to read what it carries."""


class Cluster:
    """A target, a master and workers, all ours to hurt. Used as a context; what it started ends with it. With `with_keys` the link between
    them is encrypted, as it is across machines."""

    with_keys = False

    def __init__(self, workers=2, users=20, file=FILE, options=(), boss_env=None, worker_env=None, link=None, on=None, bind="127.0.0.1", scenario=None):
        self.count, self.users, self.text, self.options = workers, users, file, options
        self.boss_env, self.worker_env, self.link, self.on, self.bind = boss_env, worker_env, link, on or [()] * (workers + 1), bind
        self.load = ["--scenario", scenario] if scenario else None
        self.port, self.web, self.stack = free_port(), free_port(), contextlib.ExitStack()
        self.workers, self.safety, self.join = [], ["--insecure"], {}
        if self.with_keys and getattr(link, "reads", False):
            raise Readable

    def _make_keys(self):
        keys = self.folder / "cluster.keys"
        made = run_katydid("keys", "new", keys)
        assert made.code == 0, made.describe()
        self.safety, self.join = ["--keys", keys], {"KATYDID_JOIN": "#" + made.stdout.strip().partition("#")[2]}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="katydid-drill-")))
            self.file = stack.enter_context(locustfile(self.text))
            if self.with_keys:
                self._make_keys()
            self.server = stack.enter_context(target(prefix=self.on[0], address=self.bind))
            self.master_port = self.link.open(stack, self.port) if self.link else self.port
            self.boss = stack.enter_context(self.master())
            for n in range(self.count):
                self.workers.append(stack.enter_context(self.worker(n)))
                if self.link and n == 0:
                    self.boss.wait_line("reported as ready")  # the link knows it as the first
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def master(self, *more):
        return Process([KATYDID, "-f", self.file, "-H", self.server.url, "--master", "--master-bind-host", self.bind, "--master-bind-port", self.port,
                        "--web-host", self.bind, "--web-port", self.web, "--autostart", "--autoquit", 0, "--expect-workers", self.count, *(self.load or ("-u", self.users, "-r", self.users)),
                        "--summary", self.folder / "summary.json", "--csv", self.folder / "out", *self.safety, *self.options, *more],
                       env={"KATYDID_HISTORY": "off", **(self.boss_env or {})}, prefix=self.on[0])

    def worker(self, n, port=None):
        return Process([KATYDID, "-f", self.file, "--worker", "--master-host", self.bind, "--master-port", port or self.master_port],
                       env={**self.join, **(self.worker_env or {})}, prefix=self.on[n + 1])

    def seen(self):
        return self.log()["requests"]

    def log(self):
        return self.ask(self.server.url + "/__log")

    def ask(self, url):
        return get_json(url)

    def counts(self):
        """Users of each worker that the master holds for there."""
        try:
            stats = self.ask(f"http://{self.bind}:{self.web}/stats/requests")
        except OSError:
            return []
        return sorted(w["user_count"] for w in stats["workers"] if w["state"] not in ("missing", "lost", "stopped"))

    def are_even(self, among=None):
        among = among or self.count
        return self.counts() == sorted(self.users // among + (n < self.users % among) for n in range(among))

    def rate(self):
        """Requests a second at the target, now."""
        before, since = self.seen(), time.monotonic()
        time.sleep(0.4)
        return (self.seen() - before) / (time.monotonic() - since)

    def wait_for_load(self, more=200):
        wait_for(self.are_even, "all users")
        before, since = self.seen(), time.monotonic()
        wait_for(lambda: self.seen() > before + more, "load")
        self.usual = (self.seen() - before) / (time.monotonic() - since)

    def is_right(self, among=None):
        """The users are dealt out evenly, as the master knows them, and the target feels about as many as before."""
        return self.are_even(among) and 0.5 * self.usual < self.rate() < 1.3 * self.users * PER_USER_S

    def edit(self, users):
        body = json.dumps({"users": users, "spawn_rate": users}).encode()
        headers = {"X-Katydid": "1", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(f"http://{self.bind}:{self.web}/api/v1/edit", body, headers), timeout=20) as answer:
            assert json.loads(answer.read())["ok"]
        self.users = users

    def loads(self, before, more=100):
        return self.seen() > before + more

    def end(self, waits=False):
        """The account after an end as by Ctrl-C, unless the test ended, or ends, by itself."""
        if not waits and self.boss.popen.poll() is None:
            self.boss.signal(signal.SIGINT)
        code = self.boss.wait()
        total = json.loads((self.folder / "summary.json").read_text())["total"]
        assert int(csv_row(self.folder / "out_stats.csv", "Aggregated")["Request Count"]) == total["requests"], "--csv and --summary differ"
        return Account.of(self.seen(), total, self.boss.stderr, code, PER_USER_S * self.users / self.count)
