"""A first request by HTTP/2, then a wait of minutes with the connection open."""

from locust import HttpUser, constant, task


class Waiting(HttpUser):
    http2 = "prior-knowledge"
    wait_time = constant(600)

    @task
    def front_page(self):
        self.client.get("/")
