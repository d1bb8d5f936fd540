# SPDX-License-Identifier: MIT
"""The end of many users: each has its on_stop, what it did there counts, and its memory goes back before the last one has ended."""

import pytest
from harness import csv_row, katydid, locustfile, run_script, signal

MANY = """
import locust, os
from locust import constant, events, task
seen = {"started": 0, "ended": 0, "freed": 0, "held": 0}

class Visitor(getattr(locust, os.environ["KIND"])):
    host = "http://127.0.0.1:9"
    wait_time = constant(1000)

    def on_start(self):
        seen["started"] += 1

    def on_stop(self):
        seen["ended"] += 1
        seen["held"] = max(seen["held"], seen["ended"] - seen["freed"])

    def __del__(self):
        seen["freed"] += 1

    @task
    def nothing(self):
        if os.environ["RAISES"]:
            raise RuntimeError("each user, once")

@events.test_stop.add_listener
def tell(**_):
    print(seen, flush=True)
"""

BUSY = """
import locust.runners, os
from gevent import monkey
from locust import User, constant, events, task
locust.runners.HEARTBEAT_LIVENESS = 1
is_busy = [True]

class Visitor(User):
    wait_time = constant(1000)

    def on_stop(self):
        if is_busy:
            is_busy.clear()
            monkey.get_original("time", "sleep")(6)  # the loop stands still, and so do heartbeats
        self.environment.events.request.fire(request_type="END", name="on_stop", response_time=1, response_length=0, exception=None, context={})

    @task
    def nothing(self):
        pass
"""

TURNS = """
import gevent
from locust._group import those
turns = 0

def count():
    global turns
    while True:
        gevent.sleep(1e-9)
        turns += 1

gevent.spawn(count)
gevent.sleep(0.01)
before = turns
assert len(those(list(range(200_000)), lambda n: n % 2)) == 100_000
assert turns - before >= 15, (before, turns)
"""


CIRCLES = """
import gevent
from locust import User, constant, task
from locust.env import Environment
alive = most = 0

class Visitor(User):
    wait_time = constant(1000)

    def __init__(self, environment):
        global alive
        super().__init__(environment)
        self.me = self
        alive += 1

    def __del__(self):
        global alive
        alive -= 1

    @task
    def nothing(self):
        pass

runner = Environment(user_classes=[Visitor]).create_local_runner()
for _ in range(40):
    runner.spawn_users({"Visitor": 20})
    gevent.sleep(0.001)
    most = max(most, alive)
    runner.stop_users({"Visitor": 20})
assert most < 200, most
"""


@pytest.mark.parametrize("kind, raises, more", [("User", "", []), ("User", "", ["--stop-timeout", "60"]), ("HttpUser", "", []), ("FastHttpUser", "", []), ("HttpUser", "1", [])])
def test_users_that_have_ended_give_their_memory_back_while_others_end(kind, raises, more):
    with locustfile(MANY) as path, katydid("-f", path, "--headless", "--only-summary", "-u", 5000, "-r", 5000, "--exit-code-on-error", 0, *more, env={"KIND": kind, "RAISES": raises}) as process:
        process.wait_line("All users spawned")
        process.signal(signal.SIGINT)
        assert process.wait() == 0, process.describe()
    seen = eval(process.stdout.splitlines()[-1])
    assert seen["started"] == seen["ended"] == 5000 and seen["held"] < 1000, process.describe()


def test_users_that_come_and_go_do_not_pile_up_whatever_refers_to_them(tmp_path):
    run_script(tmp_path, CIRCLES)


def test_the_loop_has_its_turns_while_many_are_looked_at(tmp_path):
    run_script(tmp_path, TURNS)


def test_workers_that_are_busy_with_the_end_of_their_users_are_waited_for(tmp_path):
    with locustfile(BUSY) as path:
        with katydid("-f", path, "--headless", "--only-summary", "-u", 40, "-r", 40, "--processes", 2, "--csv", tmp_path / "out") as process:
            process.wait_line("All users spawned")
            process.signal(signal.SIGINT)
            assert process.wait() == 0, process.describe()
    assert csv_row(tmp_path / "out_stats.csv", "on_stop")["Request Count"] == "40", process.describe()
