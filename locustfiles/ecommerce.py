"""A shopper's journey: log in, browse, fill a cart, check out.

The test people write first, with the features they reach for: login in `on_start` with `catch_response`,
weighted tasks, think times by `time.sleep`, a module-level counter, a metric of their own, and a TaskSet in `tasks`.

    katydid -f locustfiles/ecommerce.py -H http://127.0.0.1:8000
    make run EXAMPLE=ecommerce      # against the sample shop
"""

import random
import time

from locust import HttpUser, TaskSet, between, events, task
from locust.runners import MasterRunner

orders_placed = 0  # over all users of this process


@events.init.add_listener
def say_where_we_are(environment, **kwargs):
    if isinstance(environment.runner, MasterRunner):
        print("shop journey: running on the master; the shoppers run on the workers")


@events.test_stop.add_listener
def say_how_it_went(environment, **kwargs):
    if not isinstance(environment.runner, MasterRunner):
        print(f"shop journey: {orders_placed} orders placed from here")


class Shopping(TaskSet):
    def on_start(self):
        self.token = None
        with self.client.post(
            "/api/login",
            json={"username": f"shopper{random.randrange(10_000)}", "password": "secret"},
            catch_response=True,
        ) as response:
            if response.status_code != 200:
                response.failure(f"login failed with status {response.status_code}")
            elif "token" not in response.json():
                response.failure("login answered without a token")
            else:
                self.token = response.json()["token"]
                response.success()

    @property
    def auth(self):
        return {"Authorization": f"Bearer {self.token}"}

    @task(3)
    def browse(self):
        self.client.get("/api/products")
        time.sleep(random.uniform(0.1, 0.3))  # looks at the list
        for _ in range(2):
            self.client.get(f"/api/products/{random.randint(1, 30)}", name="/api/products/[id]")
            time.sleep(random.uniform(0.2, 0.5))  # reads the page

    @task(1)
    def buy(self):
        global orders_placed
        started = time.perf_counter()
        for _ in range(random.randint(1, 3)):
            self.client.post(
                "/api/cart", json={"product_id": random.randint(1, 30), "quantity": 1}, headers=self.auth
            )
        self.client.get("/api/cart", headers=self.auth)
        with self.client.post("/api/orders", headers=self.auth, catch_response=True) as response:
            if response.status_code == 201:
                orders_placed += 1
                response.success()
            else:
                response.failure(f"order failed: {response.status_code}")
        events.request.fire(
            request_type="CUSTOM",
            name="checkout_total_duration",
            response_time=(time.perf_counter() - started) * 1000,
            response_length=0,
        )


class Shopper(HttpUser):
    tasks = [Shopping]
    wait_time = between(0.5, 2)
