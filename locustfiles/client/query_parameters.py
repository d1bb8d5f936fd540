"""params= as a dict, with lists and characters that need escaping; the name groups the variants.

It needs the tests' echo server, and this starts both:

    make run EXAMPLE=client/query_parameters
"""

from locust import HttpUser, constant, task


class Searcher(HttpUser):
    wait_time = constant(0.05)

    @task
    def search(self):
        wanted = {"q": "tea & coffee", "tag": ["a", "b"], "page": 2}
        with self.client.get("/echo", params=wanted, name="/echo?q=[words]", catch_response=True) as response:
            if response.json()["path"] != "/echo?q=tea+%26+coffee&tag=a&tag=b&page=2":
                response.failure("sent " + response.json()["path"])
