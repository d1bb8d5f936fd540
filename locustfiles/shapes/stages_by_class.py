"""A load shape that says which users come: first only browsers, then buyers as well.

    katydid -f locustfiles/shapes/stages_by_class.py -H http://127.0.0.1:8000
    make run EXAMPLE=shapes/stages_by_class      # against the sample shop
"""

from locust import HttpUser, LoadTestShape, between, task


class Browser(HttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def products(self):
        self.client.get("/api/products")


class Buyer(HttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def product(self):
        self.client.get("/api/products/1", name="/api/products/[id]")


class Opening(LoadTestShape):
    stages = [  # until second, users, spawn rate, of which classes
        (4, 6, 6, [Browser]),
        (8, 12, 6, [Browser, Buyer]),
    ]

    def tick(self):
        for until, *stage in self.stages:
            if self.get_run_time() < until:
                return tuple(stage)
        return None
