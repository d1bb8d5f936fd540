"""Users that wait for a minute or two, and note how late each wake was; a row for each second into the file $LATE.PID."""

import json
import os
import random
import time
from collections import Counter, defaultdict

import urllib3
from locust import HttpUser, events, task

late = defaultdict(Counter)  # second of the wall clock -> tenths of a millisecond -> wakes
counts = {"started": 0, "ended": 0}


class Visitor(HttpUser):
    pool_manager = urllib3.PoolManager(maxsize=1000)
    due = 0.0

    def on_start(self):
        counts["started"] += 1

    def on_stop(self):
        counts["ended"] += 1

    def wait_time(self):
        seconds = random.uniform(60, 120)
        self.due = time.monotonic() + seconds
        return seconds

    @task
    def front_page(self):
        if self.due:
            late[int(time.time())][int((time.monotonic() - self.due) * 1e4)] += 1
        if random.random() < 0.1:
            self.client.get("/")


@events.test_stop.add_listener
def tell(**_):
    with open(f"{os.environ['LATE']}.{os.getpid()}", "w") as file:
        json.dump({"late": late, **counts}, file)
