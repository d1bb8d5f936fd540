"""Ways to wait: a function of one's own, and the ready ones.

    katydid -f locustfiles/wait_times.py -H http://127.0.0.1:8000
    make run EXAMPLE=wait_times      # against the sample shop
"""

import random

from locust import HttpUser, constant, constant_pacing, constant_throughput, task, wait_time


class Visitor(HttpUser):
    abstract = True

    @task
    def products(self):
        self.client.get("/api/products")


class Thinking(Visitor):
    """Most people are quick, some take long: a log-normal time."""

    def wait_time(self):
        return min(random.lognormvariate(-1.5, 0.5), 5)


class Nervous(Visitor):
    wait_time = lambda self: random.expovariate(1 / 0.2)  # noqa: E731


class Poisson(Visitor):
    wait_time = wait_time.poisson(5)  # arrivals, on average 5 a second


class Clockwork(Visitor):
    wait_time = constant_pacing(0.5)  # starts twice a second, however long a task takes


class Pump(Visitor):
    wait_time = constant_throughput(4)  # tasks a second


class Steady(Visitor):
    wait_time = constant(0.3)  # after each task
