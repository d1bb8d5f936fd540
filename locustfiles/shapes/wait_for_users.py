"""A load shape that goes on to its next stage only when the users of this one are all there.

    katydid -f locustfiles/shapes/wait_for_users.py -H http://127.0.0.1:8000
    make run EXAMPLE=shapes/wait_for_users      # against the sample shop
"""

from locust import HttpUser, LoadTestShape, between, task

HOLD_S = 2  # how long a stage is held once it is complete


class Visitor(HttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def products(self):
        self.client.get("/api/products")


class Patient(LoadTestShape):
    stages = [3, 9, 4]  # users

    def __init__(self):
        super().__init__()
        self.stage, self.complete_since = 0, None

    def tick(self):
        now, wanted = self.get_run_time(), self.stages[self.stage]
        if self.complete_since is None and self.get_current_user_count() == wanted:
            self.complete_since = now
        if self.complete_since is not None and now - self.complete_since >= HOLD_S:
            self.stage, self.complete_since = self.stage + 1, None
            if self.stage == len(self.stages):
                return None
        return self.stages[self.stage], 5
