"""Redirects are followed and measured as one request; history tells the hops.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/redirects
"""

from locust import HttpUser, constant, task


class Wanderer(HttpUser):
    wait_time = constant(0.05)

    @task
    def follow(self):
        with self.client.get("/redirect/3", catch_response=True) as response:
            if len(response.history) != 3 or not response.url.endswith("/echo/end"):
                response.failure(f"{len(response.history)} hops, ended at {response.url}")

    @task
    def stay(self):
        with self.client.get("/redirect/1", allow_redirects=False, name="/redirect (not followed)", catch_response=True) as response:
            if response.status_code != 302 or not response.headers["Location"]:
                response.failure("no redirect to look at")
