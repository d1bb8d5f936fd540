"""Katydid as a library: an ordinary Python program that runs a test and looks at its numbers.

    python3 locustfiles/as_library.py http://127.0.0.1:8000
    make run EXAMPLE=as_library      # against the sample shop
"""

import sys

import gevent
from locust import HttpUser, between, events, task
from locust.env import Environment
from locust.log import setup_logging
from locust.stats import stats_history, stats_printer


class Visitor(HttpUser):
    wait_time = between(0.05, 0.1)

    @task
    def products(self):
        self.client.get("/api/products")


def main(host, seconds=3):
    setup_logging("INFO")
    environment = Environment(user_classes=[Visitor], events=events, host=host)
    runner = environment.create_local_runner()
    environment.events.init.fire(environment=environment, runner=runner, web_ui=None)
    gevent.spawn(stats_printer(environment.stats))
    gevent.spawn(stats_history, runner)
    runner.start(5, spawn_rate=10)
    gevent.spawn_later(seconds, runner.quit)
    runner.greenlet.join()
    entry = environment.stats.get("/api/products", "GET")
    print(f"{entry.num_requests} requests, median {entry.median_response_time:.0f} ms, {entry.num_failures} failed")
    return 0 if entry.num_requests and not entry.num_failures else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
