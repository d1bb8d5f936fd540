# SPDX-License-Identifier: MIT
"""The sample shop's test as the pictures of the documentation show it: more pages, options, checks, a bug."""

import logging
import random

from katydid import check
from katydid.metrics import Trend
from locust import HttpUser, between, events, task

log = logging.getLogger("shop")
basket = Trend("basket_size")
SECTIONS = ("garden", "kitchen", "office", "travel", "lighting", "outdoor")


@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--currency", choices=["EUR", "USD", "GBP"], default="EUR", help="Currency that prices are asked in")
    parser.add_argument("--think-time", type=float, default=1.0, help="Factor of every wait")
    parser.add_argument("--coupon", default="", help="Coupon that buyers try", is_secret=True)


class Visitor(HttpUser):
    """Looks around and leaves."""

    weight = 3
    wait_time = between(0.4, 1.2)

    @task(4)
    def browse(self):
        section = random.choice(SECTIONS)
        self.client.get(f"/api/products?section={section}", name=f"/api/products?section={section}")

    @task(6)
    def look(self):
        self.client.get(f"/api/products/{random.randint(1, 31)}", name="/api/products/[id]")


class Buyer(HttpUser):
    """Logs in, fills a cart, orders."""

    wait_time = between(0.4, 1.2)

    def on_start(self):
        answer = self.client.post("/api/login", json={"username": f"buyer{random.randrange(10_000)}", "password": "secret"})
        self.token = {"Authorization": f"Bearer {answer.json()['token']}"}
        if random.random() < 0.02:
            log.warning("the shop answered the login after %d ms", answer.elapsed.total_seconds() * 1000)

    @task(3)
    def fill(self):
        self.client.post("/api/cart", json={"product_id": random.randint(1, 30), "quantity": 1}, headers=self.token)
        cart = self.client.get("/api/cart", headers=self.token)
        check(cart, {"the cart is there": lambda r: r.status_code == 200, "it is read in 20 ms": lambda r: r.elapsed.total_seconds() < 0.02})
        basket.add(random.randint(1, 9))

    @task
    def order(self):
        with self.group("checkout"):
            self.pay()

    def pay(self):
        with self.client.post("/api/orders", headers=self.token, catch_response=True) as answer:
            if answer.status_code == 503:
                answer.failure(f"payment {random.randrange(100_000)} did not go through")
        if random.random() < 0.02:
            answer.json()["receipt"]["number"]
