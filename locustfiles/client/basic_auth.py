"""Basic authentication per request, and digest (done by requests itself).

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/basic_auth
"""

from locust import HttpUser, constant, task
from requests.auth import HTTPDigestAuth


class Member(HttpUser):
    wait_time = constant(0.05)

    @task
    def basic(self):
        self.client.get("/basic/ann/secret", auth=("ann", "secret"))

    @task
    def digest(self):
        self.client.get("/digest/ann/secret", auth=HTTPDigestAuth("ann", "secret"))

    @task
    def wrong(self):
        with self.client.get("/basic/ann/secret", auth=("ann", "guess"), name="/basic (wrong)", catch_response=True) as response:
            if response.status_code == 401:
                response.success()
