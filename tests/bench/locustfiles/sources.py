"""A connection each to one of $TARGETS (URLs, between commas), kept: to the next one for each user of a process."""

import itertools
import os

from locust import HttpUser, between, task

targets = itertools.cycle(enumerate(os.environ["TARGETS"].split(",")))


class Visitor(HttpUser):
    wait_time = between(20, 40)

    def on_start(self):
        self.number, self.url = next(targets)
        self.client.get(self.url + "/__log", name="connect")  # which the target does not count: it knows nothing of a connection's time

    @task
    def page(self):
        self.client.get(self.url + "/delay/20", name=f"target {self.number}")
