"""One user, two hosts: its own client for the shop, a second one for the service beside it.

    API_HOST=http://127.0.0.1:9000 katydid -f locustfiles/several_hosts.py -H http://127.0.0.1:8000
    make run EXAMPLE=several_hosts      # against the sample shop
"""

import os

from locust import HttpUser, between, task
from locust.clients import HttpSession


class TwoHosts(HttpUser):
    abstract = True

    def __init__(self, environment):
        super().__init__(environment)
        self.api = HttpSession(
            base_url=os.environ.get("API_HOST", self.host), request_event=environment.events.request, user=self
        )


class Visitor(TwoHosts):
    wait_time = between(0.1, 0.3)

    @task
    def page(self):
        self.client.get("/api/products")
        self.api.get("/api/products/1", name="api: product")
