"""A shop's journey from k6: its thresholds as they stood there, its custom rate and trend, its setup and teardown
(docs/verdicts.md, docs/from-k6.md).

    make run EXAMPLE=journey      # against the sample shop
    katydid -f locustfiles/journey.py -H http://127.0.0.1:8000 --headless -u 10 -r 5 -t 1m

The same file runs under stock Locust with the wheel of build/dist, where the thresholds are only a variable.
"""

import random
import time

import katydid
from katydid import check
from katydid.metrics import Rate, Trend
from locust import HttpUser, between, task

thresholds = {
    "http_req_duration": ["p(95)<500", "p(99)<2000"],
    "http_req_failed": ["rate<0.01"],
    "checkout_errors": ["rate<0.005"],
    "checkout_duration": ["p(95)<1500"],
}

checkout_errors = Rate("checkout_errors")
checkout_duration = Trend("checkout_duration", unit="ms")


@katydid.setup
def log_in(environment):
    """Once a run: what it returns every user has, on every worker."""
    answer = Shopper(environment).client.post("/api/login", json={"username": "ann", "password": "secret"})
    return {"token": answer.json()["token"], "products": [1, 2, 3, 5, 8, 13]}


@katydid.teardown
def empty_cart(environment, data):
    shopper = Shopper(environment)
    shopper.client.post("/api/orders", headers={"Authorization": f"Bearer {data['token']}"})


class Shopper(HttpUser):
    wait_time = between(0.2, 0.6)

    def on_start(self):
        given = self.environment.setup_data
        self.client.headers["Authorization"] = f"Bearer {given['token']}"
        self.products = given["products"]

    @task
    def shop(self):
        product = random.choice(self.products)
        with self.group("browse"):
            answer = self.client.get("/api/products")
            check(answer, {"status is 200": lambda r: r.status_code == 200})
            self.client.get(f"/api/products/{product}", name="/api/products/[id]")
        began = time.perf_counter()
        with self.group("checkout"):
            added = self.client.post("/api/cart", json={"product_id": product, "quantity": 1})
            seen = self.client.get("/api/cart")
        checkout_duration.add((time.perf_counter() - began) * 1000)
        checkout_errors.add(not (added.ok and seen.ok))
