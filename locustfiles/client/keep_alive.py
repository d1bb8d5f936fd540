"""One connection a user, kept open: the server sees far fewer connections than requests.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/keep_alive
"""

from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0.01)

    @task
    def page(self):
        with self.client.get("/echo", catch_response=True) as response:
            if dict(response.json()["headers"]).get("Connection") != "keep-alive":
                response.failure("not asked to keep the connection")
