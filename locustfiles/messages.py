"""Messages between the master and its workers: the master deals out accounts, workers report back.

    katydid -f locustfiles/messages.py -H http://127.0.0.1:8000 --headless -u 4 -r 4 -t 10 --processes 2
    make run EXAMPLE=messages      # against the sample shop
"""

import gevent
from locust import HttpUser, between, events, task
from locust.runners import MasterRunner, WorkerRunner

accounts = []


class Shopper(HttpUser):
    wait_time = between(0.1, 0.3)

    def __init__(self, environment):
        super().__init__(environment)
        self.account = accounts.pop()

    @task
    def log_in(self):
        self.client.post("/api/login", json={"username": self.account, "password": "secret"})


def take_accounts(environment, msg, **kwargs):
    accounts.extend(msg.data)
    environment.runner.send_message("thanks", f"got {len(msg.data)} accounts")


def hear_thanks(environment, msg, **kwargs):
    gevent.sleep(0.01)  # `concurrent` listeners may wait: each has a greenlet of its own
    print(f"thanks: {msg.data}")


@events.init.add_listener
def register(environment, **kwargs):
    if not isinstance(environment.runner, MasterRunner):
        environment.runner.register_message("accounts", take_accounts)
    if not isinstance(environment.runner, WorkerRunner):
        environment.runner.register_message("thanks", hear_thanks, concurrent=True)


@events.test_start.add_listener
def deal(environment, **kwargs):
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        return
    everybody = [f"shopper{n}" for n in range(environment.parsed_options.num_users or 10)]
    if not isinstance(runner, MasterRunner):
        runner.send_message("accounts", everybody)
        return
    workers = list(runner.clients)
    for n, worker in enumerate(workers):
        runner.send_message("accounts", everybody[n :: len(workers)], worker)
