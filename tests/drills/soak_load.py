# SPDX-License-Identifier: MIT
"""The load of make soak: 1,000 names, errors whose texts are ever new, checks, metrics with tags, and tasks that raise."""

import itertools
import os

from katydid import check
from katydid.metrics import Trend
from locust import HttpUser, constant, task

NAMES = 1000
turns = itertools.count(os.getpid())
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
            check(self.client.get("/delay/3", name=name), {"found": lambda r: r.status_code == 200})
            weight.add(turn % 97, tags={"shelf": f"s{turn % 20}"})
        if turn % 500 == 7:
            raise RuntimeError(f"odd turn {turn}")
