# SPDX-License-Identifier: MIT
"""A link that is slow, lossy, repeats itself or gets the order wrong."""

import time

from cluster import Cluster
from courier import Courier
from harness import wait_for
from network import Relay, cluster_of_hosts
from rig import drill


def lossy(report, share):
    with cluster_of_hosts(users=40) as c:
        c.wait_for_load(400)
        with c.dropping(2, share=share):
            before = c.seen()
            time.sleep(20)
            report.expect(c.loads(before, 400), "there is no load meanwhile")
        report.back(time.monotonic(), c.is_right)
        report.end(c)


drill("5 % of the packets are lost both ways, for 20 s")(lambda report: lossy(report, 0.05))
drill("20 % of the packets are lost both ways, for 20 s")(lambda report: lossy(report, 0.2))


@drill("200 ms each way")
def slow(report):
    with Cluster(users=40, link=Relay(0.2)) as c:
        c.wait_for_load(4000)
        report.end(c)


def carried(report, courier, what):
    with Cluster(users=40, link=courier) as c:
        c.wait_for_load()
        wait_for(lambda: getattr(courier, what) >= 10, f"reports that were {what}")
        report.end(c)


drill("every report comes twice")(lambda report: carried(report, Courier(repeats=True), "repeated"))
drill("reports overtake each other")(lambda report: carried(report, Courier(reorders=True), "reordered"))
drill("reports come twice and overtake each other")(lambda report: carried(report, Courier(repeats=True, reorders=True), "reordered"))
