"""HTTP/2: a page and its parts, side by side on one connection per user.

    katydid -f locustfiles/protocols/http2.py -H https://shop.example
    make run EXAMPLE=protocols/http2               # brings a server

A server that speaks HTTP/2 without TLS is asked with --http2=prior-knowledge.
"""

from gevent.pool import Pool
from locust import HttpUser, between, task

PARTS = ("/style.css", "/app.js", "/logo.svg")


class Visitor(HttpUser):
    wait_time = between(0.05, 0.1)

    @task
    def page(self):
        response = self.client.get("/", name="page")
        Pool(len(PARTS)).map(self.part, PARTS)
        assert response.http_version == "HTTP/2", f"the server chose {response.http_version}"

    def part(self, path):
        self.client.get(path, name="part of the page")
