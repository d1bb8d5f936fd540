"""FastHttpUser: the same core with the manners of Locust's fast client; rest() checks JSON.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/fast
"""

from locust import FastHttpUser, constant, task


class Runner(FastHttpUser):
    wait_time = constant(0.05)
    default_headers = {"X-Team": "green"}

    @task
    def page(self):
        with self.client.get("/echo", catch_response=True) as response:
            if dict(response.json()["headers"]).get("X-Team") != "green":
                response.failure("the default header is missing")

    @task
    def checked_json(self):
        with self.rest("POST", "/echo", json={"a": 1}) as response:
            assert response.js["method"] == "POST", "wrong method,"
