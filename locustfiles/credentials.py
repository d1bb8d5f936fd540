"""Each user logs in as somebody else, from a list that is used up.

    katydid -f locustfiles/credentials.py -H http://127.0.0.1:8000 -u 5 -r 5
    make run EXAMPLE=credentials      # against the sample shop
"""

from locust import HttpUser, between, task
from locust.exception import StopUser

ACCOUNTS = [(f"shopper{n}", "secret") for n in range(100, 0, -1)]


class Shopper(HttpUser):
    wait_time = between(0.1, 0.3)

    def on_start(self):
        if not ACCOUNTS:
            raise StopUser()  # nobody left to be
        self.name, password = ACCOUNTS.pop()
        token = self.client.post("/api/login", json={"username": self.name, "password": password}).json()["token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    def on_stop(self):
        print(f"{self.name} leaves")

    @task
    def cart(self):
        self.client.get("/api/cart")
