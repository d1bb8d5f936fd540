import itertools
import os
import resource

import urllib3
from locust import HttpUser, between, task

# A (source, destination) pair of addresses has some 28,000 ports: spread over several destinations.
addresses = itertools.cycle(f"http://127.0.0.{n}:{os.environ['HOLD_PORT']}" for n in range(1, 9))
files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


class Visitor(HttpUser):
    wait_time = between(1, 10)
    if files < 120_000:  # not a connection each, then: one pool for all
        pool_manager = urllib3.PoolManager(maxsize=1000)

    def on_start(self):
        self.url = next(addresses) + "/delay/20"

    @task
    def page(self):
        self.client.get(self.url, name="page")
