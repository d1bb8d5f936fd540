import os
import time

import gevent

from locust import HttpUser, events, task

turns, begun = [], []


class Visitor(HttpUser):
    @task
    def page(self):
        if not begun:
            begun.append(time.thread_time())
        self.client.get(os.environ["TRUTH_PATH"])


@events.init.add_listener
def measure_turns(environment, **_):
    """How much processor time the loop takes between two looks at what came: so long may it delay an arrival, whatever else
    the machine does."""
    loop, since = gevent.get_hub().loop, []
    environment.looks = loop.check(), loop.prepare()
    environment.looks[0].start(lambda: since.append(time.thread_time()))
    environment.looks[1].start(lambda: turns.append(time.thread_time() - since.pop()) if since and begun else since.clear())


@events.test_stopping.add_listener
def tell_turns(**_):
    with open(os.environ["TURNS"], "w") as file:
        file.write(f"{max(turns) * 1e3:.2f}")
