import itertools

from locust import HttpUser, constant, events, task

numbers = itertools.cycle(range(1, 9))  # as in waiting.py
ended = 0


class Visitor(HttpUser):
    wait_time = constant(3600)

    def on_stop(self):
        global ended
        ended += 1

    @task
    def front_page(self):
        self.client.get(self.host.replace("127.0.0.1", f"127.0.0.{next(numbers)}") + "/", name="/")


@events.test_stop.add_listener
def tell(**_):
    print(f"on_stop of {ended} users", flush=True)
