# SPDX-License-Identifier: MIT
"""Processes that are killed."""

import os
import time

from cluster import Cluster
from harness import children, signal, wait_for
from rig import drill


@drill("kill -9 of one of three workers")
def one_of_three(report):
    with Cluster(workers=3, users=60) as c:
        c.wait_for_load(600)
        os.kill(c.workers[0].pid, signal.SIGKILL)
        report.back(time.monotonic(), lambda: c.is_right(2))
        before = c.seen()
        wait_for(lambda: c.loads(before, 600), "load of the others")
        report.end(c, workers=c.workers[1:])
        report.expect("was lost at" in c.boss.stderr, "the loss is not told")


@drill("kill -9 of the last worker")
def the_last(report):
    with Cluster(workers=1, users=20) as c:
        c.wait_for_load()
        os.kill(c.workers[0].pid, signal.SIGKILL)
        c.boss.wait_line("No worker is left")
        report.end(c, right_codes=(79,), workers=())


@drill("kill -9 of the locustfile's process at the master")
def the_host(report):
    with Cluster() as c:
        c.wait_for_load()
        os.kill(children(c.boss.pid)[0], signal.SIGKILL)
        report.end(c, right_codes=(1,))


@drill("kill -9 of a worker, another joins")
def replaced(report):
    with Cluster() as c:
        c.wait_for_load()
        os.kill(c.workers[0].pid, signal.SIGKILL)
        since = time.monotonic()
        with c.worker(0) as late:
            report.back(since, c.is_right)
            before = c.seen()
            wait_for(lambda: c.loads(before), "load of both")
            report.end(c, workers=[c.workers[1], late])
