import itertools
import os

from locust import HttpUser, between, task

# A (source, destination) pair of addresses has some 28,000 ports: spread over several destinations.
addresses = itertools.cycle(f"http://127.0.0.{n}:{os.environ['HOLD_PORT']}" for n in range(1, 9))


class Visitor(HttpUser):
    wait_time = between(1, 10)

    def on_start(self):
        self.url = next(addresses) + "/delay/20"

    @task
    def page(self):
        self.client.get(self.url, name="page")
