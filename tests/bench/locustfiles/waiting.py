import itertools

from locust import HttpUser, constant, task

# A (source, destination) pair of addresses has some 28,000 ports, and the second half of them is slow to find.
numbers = itertools.cycle(range(1, 9))


class Visitor(HttpUser):
    wait_time = constant(3600)

    @task
    def front_page(self):
        self.client.get(self.host.replace("127.0.0.1", f"127.0.0.{next(numbers)}") + "/", name="/")
