"""Ends the test as soon as too many requests fail.

    katydid -f locustfiles/stop_on_failures.py -H http://127.0.0.1:8000 --headless -u 5 -r 5 -t 60
    make run EXAMPLE=stop_on_failures      # against the sample shop
"""

import gevent
from locust import HttpUser, between, events, task
from locust.runners import STATE_CLEANUP, STATE_STOPPED, STATE_STOPPING, WorkerRunner

LIMIT = 0.2


def watch(environment):
    while environment.runner.state not in (STATE_STOPPING, STATE_STOPPED, STATE_CLEANUP):
        gevent.sleep(0.5)
        total = environment.runner.stats.total
        if total.num_requests > 20 and total.fail_ratio > LIMIT:
            print(f"{total.fail_ratio:.0%} of {total.num_requests} requests failed: that is enough")
            environment.process_exit_code = 4
            environment.runner.quit()
            return


@events.init.add_listener
def begin(environment, **kwargs):
    if not isinstance(environment.runner, WorkerRunner):
        gevent.spawn(watch, environment)


class Visitor(HttpUser):
    wait_time = between(0.05, 0.1)

    @task(2)
    def products(self):
        self.client.get("/api/products")

    @task(1)
    def missing(self):
        self.client.get("/api/nowhere")
