"""Absolute URLs reach other hosts than the user's own; rename_request names a group of requests.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/absolute_urls
"""

from locust import HttpUser, constant, task


class Traveller(HttpUser):
    wait_time = constant(0.05)

    @task
    def elsewhere(self):
        elsewhere = self.host.replace("127.0.0.1", "localhost")
        with self.client.rename_request("elsewhere"):
            self.client.get(elsewhere + "/echo")
            self.client.get(elsewhere + "/json")
