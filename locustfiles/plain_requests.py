"""Calls through the `requests` library itself: cooperative, and reported by hand.

    katydid -f locustfiles/plain_requests.py -H http://127.0.0.1:8000
    make run EXAMPLE=plain_requests      # against the sample shop
"""

import requests
from locust import User, between, task


class Caller(User):
    wait_time = between(0.1, 0.5)

    @task
    def products(self):
        with self.environment.events.request.measure("REQUESTS", "/api/products"):
            requests.get(self.host + "/api/products", timeout=5).raise_for_status()
