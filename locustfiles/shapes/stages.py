"""A load shape in stages: users, rate and duration of each.

    katydid -f locustfiles/shapes/stages.py -H http://127.0.0.1:8000 --headless
    make run EXAMPLE=shapes/stages      # against the sample shop
"""

from locust import HttpUser, LoadTestShape, between, task


class Visitor(HttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def products(self):
        self.client.get("/api/products")


class Stages(LoadTestShape):
    stages = [  # until second, users, spawn rate
        (4, 5, 5),
        (8, 20, 10),
        (12, 8, 10),
    ]

    def tick(self):
        now = self.get_run_time()
        for until, users, rate in self.stages:
            if now < until:
                return users, rate
        return None
