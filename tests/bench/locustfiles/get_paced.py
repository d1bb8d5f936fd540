import random
import time

from locust import HttpUser, constant_throughput, task


class Visitor(HttpUser):
    """A hundred requests a second each, evenly spread over all users: not in bursts of those that began together."""

    wait_time = constant_throughput(100)

    def on_start(self):
        time.sleep(random.random())

    @task
    def front_page(self):
        self.client.get("/")
