import os
import time

import gevent

from locust import HttpUser, events, task

REST_S = 0.2  # at the end: when all users are told to
turns, looked = [], []


class Visitor(HttpUser):
    @task
    def page(self):
        if not looked:
            looked.append(time.thread_time())
        self.client.get(os.environ["TRUTH_PATH"])


@events.init.add_listener
def measure_turns(environment, **_):
    """How much processor time the loop takes between two looks at what came: so long may it delay an arrival, whatever else
    the machine does. From the first arrival on."""
    def look():
        if looked:
            looked[0] = time.thread_time()

    def wait():
        if looked:
            turns.append((time.monotonic(), time.thread_time() - looked[0]))

    loop = gevent.get_hub().loop
    environment.watchers = loop.check(), loop.prepare()
    for watcher, what in zip(environment.watchers, (look, wait)):
        watcher.start(what)


@events.test_stopping.add_listener
def tell_turns(**_):
    until = time.monotonic() - REST_S
    with open(os.environ["TURNS"], "w") as file:
        file.write(f"{max(took for at, took in turns if at < until) * 1e3:.2f}")
