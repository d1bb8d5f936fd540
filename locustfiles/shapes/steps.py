"""A load shape of steps: every so many seconds some more users, until the last step is over.

The shape reads --users and --run-time itself (`use_common_options`).

    katydid -f locustfiles/shapes/steps.py -H http://127.0.0.1:8000 -u 50 -t 5m
    make run EXAMPLE=shapes/steps      # against the sample shop
"""

from locust import HttpUser, LoadTestShape, between, task

STEPS = 5


class Visitor(HttpUser):
    wait_time = between(0.1, 0.3)

    @task
    def products(self):
        self.client.get("/api/products")


class Steps(LoadTestShape):
    use_common_options = True

    def tick(self):
        options = self.runner.environment.parsed_options
        length = (options.run_time or 60) / STEPS
        step = int(self.get_run_time() // length) + 1
        if step > STEPS:
            return None
        users = (options.num_users or 50) * step // STEPS
        return users, options.spawn_rate or users
