"""Events: counting something of one's own on every worker and adding it up on the master.

Workers count bytes in their `request` listener, send them along with each report, and the master adds them up; at
the end it decides about the exit code.

    katydid -f locustfiles/event_hooks.py -H http://127.0.0.1:8000 --headless -u 5 -r 5 -t 10 --processes 2
    make run EXAMPLE=event_hooks      # against the sample shop
"""

from locust import HttpUser, between, events, task
from locust.runners import WorkerRunner

received = {"bytes": 0}


class Visitor(HttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def products(self):
        self.client.get("/api/products")


@events.request.add_listener
def count(response_length, **kwargs):
    received["bytes"] += response_length or 0


@events.test_start.add_listener
def begin(environment, **kwargs):
    received["bytes"] = 0


@events.report_to_master.add_listener
def tell(client_id, data):
    data["bytes"] = received["bytes"]
    received["bytes"] = 0


@events.worker_report.add_listener
def add(client_id, data):
    received["bytes"] += data.get("bytes", 0)


@events.quitting.add_listener
def judge(environment, **kwargs):
    if isinstance(environment.runner, WorkerRunner):
        return
    print(f"{received['bytes']} bytes were received")
    if environment.stats.total.fail_ratio > 0.01:
        environment.process_exit_code = 3
