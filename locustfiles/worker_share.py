"""Data that no two workers share: each takes the rows of its index.

    katydid -f locustfiles/worker_share.py -H http://127.0.0.1:8000 --headless -u 4 -r 4 -t 10 --processes 2
    make run EXAMPLE=worker_share      # against the sample shop
"""

from locust import HttpUser, between, task

WORKERS = 2  # as many as there will be
ROWS = [f"shopper{n}" for n in range(1000)]


class Shopper(HttpUser):
    wait_time = between(0.1, 0.3)

    def on_start(self):
        index = self.environment.runner.worker_index
        self.names = ROWS[index::WORKERS]

    @task
    def log_in(self):
        name = self.names.pop()
        self.client.post("/api/login", json={"username": name, "password": "secret"}, name=f"login on worker {self.environment.runner.worker_index}")
