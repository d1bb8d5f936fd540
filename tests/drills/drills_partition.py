# SPDX-License-Identifier: MIT
"""The link between a worker and its master is cut by rules that tell nobody; the worker reaches the target as before."""

import time

from cluster import PER_USER_S
from harness import wait_for
from network import cluster_of_hosts
from rig import drill


def cut(report, seconds, hears=True, says=True):
    with cluster_of_hosts(users=40) as c:
        c.wait_for_load(400)
        with c.dropping(2, hears=hears, says=says):
            time.sleep(seconds)
        report.back(time.monotonic(), c.is_right)
        before = c.seen()
        wait_for(lambda: c.loads(before, 400), "load of all")
        report.end(c)


for one in (5, 20, 70):
    drill(f"partition both ways, healed after {one} s")(lambda report, one=one: cut(report, one))
drill("partition, the worker hears nothing, healed after 20 s")(lambda report: cut(report, 20, says=False))
drill("partition, the worker is not heard, healed after 20 s")(lambda report: cut(report, 20, hears=False))


@drill("partition both ways, never healed")
def never(report):
    with cluster_of_hosts(users=40) as c:
        c.wait_for_load(400)
        with c.dropping(2):
            report.back(time.monotonic(), lambda: c.is_right(1), within=10)
            before, since = c.seen(), time.monotonic()
            time.sleep(10)
            rate = (c.seen() - before) / (time.monotonic() - since)
            report.expect(rate < 1.15 * 40 * PER_USER_S, f"the target gets {rate:.0f}/s of 40 users: somebody goes on beside them")
            report.end(c, workers=c.workers[:1])
            before = c.seen()
            time.sleep(3)
            report.expect(c.seen() <= before + 5, "load goes on after the end of the test")
        c.workers[1].stop()
