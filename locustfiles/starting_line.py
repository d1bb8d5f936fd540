"""All users start at the same moment: a semaphore holds them until everybody is there.

    katydid -f locustfiles/starting_line.py -H http://127.0.0.1:8000 -u 20 -r 5
    make run EXAMPLE=starting_line      # against the sample shop
"""

from gevent.lock import Semaphore
from locust import HttpUser, between, events, task

line = Semaphore()
line.acquire()


@events.spawning_complete.add_listener
def go(**kwargs):
    line.release()


class Runner(HttpUser):
    wait_time = between(0.1, 0.3)

    def on_start(self):
        with line:
            pass

    @task
    def products(self):
        self.client.get("/api/products")
