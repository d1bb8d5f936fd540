"""Test data with a life of its own: made before the test, used by each user, removed after it.

The listeners say when they run; run it with --processes 2 to see who does what.

    katydid -f locustfiles/testdata.py -H http://127.0.0.1:8000 --headless -u 3 -r 3 -t 5
    make run EXAMPLE=testdata      # against the sample shop
"""

import gevent.lock
import requests
from locust import HttpUser, between, events, task
from locust.runners import MasterRunner, WorkerRunner

tokens = []  # of accounts of this process
making = gevent.lock.Semaphore()  # one at a time asks for a new account


@events.init.add_listener
def once_per_process(environment, **kwargs):
    role = {MasterRunner: "master", WorkerRunner: "worker"}.get(type(environment.runner), "all in one")
    print(f"init: {role}")


@events.test_start.add_listener
def before_the_test(environment, **kwargs):
    if not isinstance(environment.runner, MasterRunner):
        answer = requests.post(f"{environment.host}/api/login", json={"username": "first", "password": "secret"}, timeout=10)
        tokens.append(answer.json()["token"])
        print("test_start: one account made")


@events.test_stop.add_listener
def after_the_test(environment, **kwargs):
    print(f"test_stop: {len(tokens)} accounts to be removed")
    tokens.clear()


class Shopper(HttpUser):
    wait_time = between(0.1, 0.3)

    def on_start(self):
        with making:
            if not tokens:
                tokens.append(self.client.post("/api/login", json={"username": "another", "password": "secret"}).json()["token"])
            self.token = tokens.pop()

    def on_stop(self):
        tokens.append(self.token)  # for the next one

    @task
    def cart(self):
        self.client.get("/api/cart", headers={"Authorization": f"Bearer {self.token}"})
