"""A visit as a Markov chain: what comes next depends on where one is.

    katydid -f locustfiles/markov.py -H http://127.0.0.1:8000
    make run EXAMPLE=markov      # against the sample shop
"""

from locust import HttpUser, MarkovTaskSet, between, transition, transitions


class Visit(MarkovTaskSet):
    @transitions({"product": 3, "leave": 1})
    def catalogue(self):
        self.client.get("/api/products")

    @transitions([("product", 1), ("catalogue", 2)])
    def product(self):
        self.client.get("/api/products/2", name="/api/products/[id]")

    @transition("catalogue")
    def leave(self):
        self.client.cookies.clear()


class Visitor(HttpUser):
    wait_time = between(0.05, 0.1)
    tasks = [Visit]
