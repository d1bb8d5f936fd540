"""20,000 requests a second of no server, with as many names as $NAMES says, and times over five octaves."""

import os
import random

from locust import User, constant_pacing, task

AT_ONCE = 200
names = [f"/section-{i % 40:02d}/item-{i:05d}" for i in range(int(os.environ["NAMES"]))]
times = [8 * 2 ** random.uniform(0, 5) for _ in range(9973)]  # ms


class Shopper(User):
    wait_time = constant_pacing(0.01)
    done = 0

    @task
    def everything(self):
        fire = self.environment.events.request.fire
        for i in range(self.done, self.done + AT_ONCE):
            fire(request_type="GET", name=names[i % len(names)], response_time=times[i % len(times)], response_length=2100, response=None, context={}, exception=None)
        self.done += AT_ONCE
