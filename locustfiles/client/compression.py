"""gzip, deflate and Brotli are undone; chunked bodies are put together.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/compression
"""

from locust import HttpUser, constant, task


class Reader(HttpUser):
    wait_time = constant(0.05)

    @task
    def compressed(self):
        for name in ("gzip", "deflate", "brotli"):
            with self.client.get("/" + name, catch_response=True) as response:
                if response.json()["text"] != "Grüße " * 40:
                    response.failure("not what was packed")

    @task
    def chunked(self):
        with self.client.get("/chunked/20", catch_response=True) as response:
            if response.text.count("chunk") != 20:
                response.failure("chunks are missing")
