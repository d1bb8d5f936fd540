# SPDX-License-Identifier: MIT
"""Processes that stand still: SIGSTOP, and after a while SIGCONT."""

import time

from cluster import Cluster
from harness import signal, wait_for
from rig import drill


def stand_still(report, seconds, who):
    with Cluster(workers=3, users=60) as c:
        c.wait_for_load(600)
        process = who(c)
        process.signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.signal(signal.SIGCONT)
        report.back(time.monotonic(), c.is_right)
        before = c.seen()
        wait_for(lambda: c.loads(before, 600), "load of all")
        report.end(c)


@drill("a worker stands still for 5 s")
def worker_5(report):
    stand_still(report, 5, lambda c: c.workers[0])


@drill("a worker stands still for 20 s")
def worker_20(report):
    stand_still(report, 20, lambda c: c.workers[0])


@drill("a worker stands still for 70 s")
def worker_70(report):
    stand_still(report, 70, lambda c: c.workers[0])


@drill("the master stands still for 10 s")
def master_10(report):
    stand_still(report, 10, lambda c: c.boss)


@drill("the master stands still for 70 s")
def master_70(report):
    stand_still(report, 70, lambda c: c.boss)


@drill("a worker stands still until the end")
def worker_for_ever(report):
    with Cluster(workers=3, users=60) as c:
        c.wait_for_load(600)
        c.workers[0].signal(signal.SIGSTOP)
        report.back(time.monotonic(), lambda: c.is_right(2), within=10)
        before = c.seen()
        wait_for(lambda: c.loads(before, 600), "load of the others")
        report.end(c, workers=c.workers[1:])
        c.workers[0].signal(signal.SIGCONT)
