"""A session keeps its cookies, sends them back, and forgets what the server deletes.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/cookies
"""

from locust import HttpUser, constant, task


class Regular(HttpUser):
    wait_time = constant(0.05)

    @task
    def visit(self):
        self.client.get("/cookies/set?flavour=oat&size=2")
        with self.client.get("/echo", catch_response=True) as response:
            sent = dict(response.json()["headers"]).get("Cookie", "")
            if sorted(sent.split("; ")) != ["flavour=oat", "size=2"]:
                response.failure(f"sent {sent!r}")
        self.client.get("/cookies/delete?size")
        if self.client.cookies.get_dict() != {"flavour": "oat"}:
            raise AssertionError(f"kept {self.client.cookies.get_dict()}")
        self.client.cookies.clear()
