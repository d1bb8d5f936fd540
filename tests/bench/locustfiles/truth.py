import os

from locust import HttpUser, between, task


class Visitor(HttpUser):
    wait_time = between(0.05, 0.15)

    @task
    def page(self):
        self.client.get(os.environ["TRUTH_PATH"])
