"""Open and closed workload side by side.

Closed: a user waits for the answer, thinks, and goes on: a slow target is asked less often. Open (as near as a fixed
number of users comes to it): tasks start at a fixed pace as long as the target keeps up.

    katydid -f locustfiles/open_and_closed.py -H http://127.0.0.1:8000 -u 20 -r 20
    make run EXAMPLE=open_and_closed      # against the sample shop
"""

from locust import HttpUser, constant, constant_pacing, task


class Closed(HttpUser):
    wait_time = constant(0.5)

    @task
    def products(self):
        self.client.get("/api/products", name="closed")


class Open(HttpUser):
    wait_time = constant_pacing(0.5)

    @task
    def products(self):
        self.client.get("/api/products", name="open")
