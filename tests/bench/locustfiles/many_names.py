"""Requests of 500 names each second, of no server: what the pages of load generators show of many endpoints."""

import random

from locust import User, constant_pacing, task

NAMES = 500


class Shopper(User):
    wait_time = constant_pacing(1)

    @task
    def everything(self):
        for i in range(NAMES):
            self.environment.events.request.fire(
                request_type="GET", name=f"/section-{i % 40:02d}/item-{i:05d}", response_time=random.lognormvariate(3.5, 0.5),
                response_length=2100, response=None, context={}, exception=None,
            )
