"""A journey with gates: the exit code says whether it passed (docs/verdicts.md).

`thresholds` is what a k6 script has as `options.thresholds`, as it stands; `environment.thresholds` takes what
k6 has no words for: a row of its own, windows, and a stop.

    make run EXAMPLE=gates      # against the sample shop
    katydid -f locustfiles/gates.py -H http://127.0.0.1:8000 --headless -u 10 -r 5 -t 1m
"""

import random

from locust import HttpUser, between, events, task

thresholds = {
    "http_req_duration": ["p(95)<500", "p(99)<2000"],
    "http_req_failed": ["rate<0.01"],
}


@events.init.add_listener
def more_gates(environment, **kwargs):
    environment.thresholds.add("product: p95 of 'GET /api/products/[id]' < 400ms")
    environment.thresholds.add("fail_ratio < 20% for 5s", abort=True, after="10s")


class Shopper(HttpUser):
    wait_time = between(0.2, 0.6)

    @task
    def look_around(self):
        self.client.get("/api/products")
        self.client.get(f"/api/products/{random.randint(1, 30)}", name="/api/products/[id]")
