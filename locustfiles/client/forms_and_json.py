"""Bodies: a form, JSON, and raw bytes with a type of their own.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/forms_and_json
"""

import json

from locust import HttpUser, constant, task


class Sender(HttpUser):
    wait_time = constant(0.05)

    def check(self, response, body, content_type):
        got = response.json()
        if got["body"] != body or dict(got["headers"])["Content-Type"] != content_type:
            response.failure(f"the server got {got['body']!r}")

    @task
    def form(self):
        with self.client.post("/echo/form", data={"a": "1", "b": "ü"}, catch_response=True) as response:
            self.check(response, "a=1&b=%C3%BC", "application/x-www-form-urlencoded")

    @task
    def as_json(self):
        order = {"product": 7, "note": "soon"}
        with self.client.put("/echo/json", json=order, catch_response=True) as response:
            self.check(response, json.dumps(order), "application/json")

    @task
    def raw(self):
        with self.client.patch("/echo/raw", data=b"\x01\x02", headers={"Content-Type": "x/y"}, catch_response=True) as response:
            self.check(response, "\x01\x02", "x/y")
