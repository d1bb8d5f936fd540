"""Visitors come at a rate, however slow the shop is (docs/load-models.md).

One scenario in words of Python, one as k6 has it: they run side by side for half a minute, then latecomers look.

    make run EXAMPLE=arrivals      # against the sample shop
    katydid -f locustfiles/arrivals.py -H http://127.0.0.1:8000 --headless
    katydid -f locustfiles/arrivals.py --show-plan
"""

from katydid.load import Arrivals, scenario_of

from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(1)  # of users; arrivals do not wait for one another

    @task(3)
    def products(self):
        self.client.get("/api/products", name=f"/api/products {scenario_of(self).env.get('PART', '')}".strip())

    @task
    def product(self):
        self.client.get("/api/products/3", name="/api/products/[id]")


scenarios = {
    "look": Arrivals(Visitor, stages=[("10s", "20/s"), ("20s", "20/s")], distribution="poisson", seed=7),
    "product": {
        "executor": "constant-arrival-rate",
        "exec": "product",
        "rate": 120,
        "timeUnit": "1m",
        "duration": "30s",
        "preAllocatedVUs": 5,
        "maxVUs": 20,
    },
    "late": Arrivals(Visitor, rate="5/s", duration="2s", start_after="look", task="products", env={"PART": "late"}),
}
