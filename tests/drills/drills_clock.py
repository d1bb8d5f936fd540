# SPDX-License-Identifier: MIT
"""Somebody sets the wall clock of one machine, a few seconds or an hour, while users start and while they run."""

import os
import time

from cluster import Cluster
from harness import BUILD, csv_row, wait_for
from rig import drill


class Clock:
    def __init__(self):
        self.path = f"/tmp/katydid-drill-clock-{os.getpid()}"
        self.set(0)

    def set(self, seconds):
        with open(self.path + ".new", "w") as file:
            file.write(f"{seconds} 0")
        os.replace(self.path + ".new", self.path)

    @property
    def env(self):
        return {"LD_PRELOAD": str(BUILD / "support" / "clock.so"), "CLOCK_SHIFT_FILE": self.path}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.unlink(self.path)


def stepped(report, whose, seconds):
    with Clock() as clock, Cluster(**{f"{whose}_env": clock.env}) as c:
        c.wait_for_load()
        began, before = time.monotonic(), c.seen()
        for step in (seconds, 0):
            clock.set(step)
            c.edit(c.users + 10)
            c.usual = 1
            report.back(time.monotonic(), c.is_right, "users of an edit")
        time.sleep(3)
        real = (c.seen() - before) / (time.monotonic() - began)
        report.end(c)
        told = float(csv_row(c.folder / "out_stats.csv", "Aggregated")["Requests/s"])
        report.expect(0.5 * real < told < 1.5 * real, f"{told:.0f} requests/s are told, the target had {real:.0f}")


for one in ("boss", "worker"):
    for hours in (-1, 1):
        drill(f"clock of the {'master' if one == 'boss' else 'workers'} by {hours:+} h and back")(
            lambda report, one=one, hours=hours: stepped(report, one, hours * 3600))


@drill("clock of the master by -10 s while users start")
def ramp(report):
    with Clock() as clock, Cluster(users=60, options=["-r", 10], boss_env=clock.env) as c:
        wait_for(lambda: sum(c.counts()) > 10, "the first users")
        clock.set(-10)
        report.back(time.monotonic(), c.are_even, "all users", within=10)
        c.wait_for_load()
        report.end(c)
