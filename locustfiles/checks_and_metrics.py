"""Checks, groups, tags and metrics of its own: what a test measures beyond requests.

    make run EXAMPLE=checks_and_metrics      # against the sample shop
    katydid -f locustfiles/checks_and_metrics.py -H http://127.0.0.1:8000 --headless -u 5 -r 5 -t 10 --series-tags tier

The same file runs under stock Locust with the wheel of build/dist (docs/metrics.md).
"""

import random

from katydid import check
from katydid.metrics import Counter, Rate, Trend
from locust import HttpUser, between, task

spent = Counter("spent", unit="EUR")
cheap = Rate("cheap")
basket_value = Trend("basket_value", unit="EUR")


class Shopper(HttpUser):
    wait_time = between(0.05, 0.1)
    sample_tags = {"tier": "tin"}

    def on_start(self):
        self.tags = {"tier": random.choice(["gold", "silver"])}
        answer = self.client.post("/api/login", json={"username": "ann", "password": "secret"}).json()
        self.client.headers["Authorization"] = f"Bearer {answer['token']}"

    @task
    def look_and_buy(self):
        with self.group("browse"):
            with self.client.get("/api/products", catch_response=True) as answer:
                check(answer, {
                    "status is 200": lambda r: r.status_code == 200,
                    "there are products": lambda r: len(r.json()["products"]) > 0,
                }, fail=True)
            product = random.choice(answer.json()["products"])
            cheap.add(product["price"] < 50)
        with self.group("checkout"):
            with self.group("basket"):
                self.client.post("/api/cart", json={"product_id": product["id"], "quantity": 1}, tags={"step": "1"})
            self.client.post("/api/orders", tags={"step": "2"})
        spent.add(product["price"])
        basket_value.add(product["price"], tags={"first": product["name"][0]})
        check.that("price is a price", product["price"] > 0)
