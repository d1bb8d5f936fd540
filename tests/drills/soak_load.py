# SPDX-License-Identifier: MIT
"""The load of make soak: 1,000 names, errors whose texts are ever new, checks, metrics with tags, and tasks that raise.

Each process begins with times of each power of two up to FILLED_MS for each name: its histograms are then as large as they become, and what
grows later is something else.
"""

import itertools
import os

from katydid import check
from katydid.metrics import Trend
from locust import HttpUser, constant, task

NAMES = 1000
FILLED_MS = 3, 6, 12, 24, 48, 96
turns = itertools.count(os.getpid())
fills = itertools.count()
weight = Trend("weight")


class Visitor(HttpUser):
    wait_time = constant(0.4)

    @task
    def item(self):
        turn = next(turns)
        name = f"/item/{turn * 7919 % NAMES}"
        if turn % 40 == 0:
            self.client.get("/status/503", name=name)
        elif turn % 40 == 1:
            with self.client.get("/json", name=name, catch_response=True) as response:
                response.failure(f"item {turn} is not what was ordered at {turn * 37}")
        else:
            delay_ms = FILLED_MS[max(len(FILLED_MS) - 1 - next(fills) // NAMES, 0)]
            check(self.client.get(f"/delay/{delay_ms}", name=name), {"found": lambda r: r.status_code == 200})
            weight.add(turn % 97, tags={"shelf": f"s{turn % 20}"})
        if turn % 500 == 7:
            raise RuntimeError(f"odd turn {turn}")
