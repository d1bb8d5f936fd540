# SPDX-License-Identifier: MIT
"""Workers of unequal weight: who does how much is exact, whoever comes or goes; or it follows what each of them can."""

import functools
import re
import signal
from collections import Counter

import pytest

import stamped
from harness import free_port, get_json, katydid, locustfile, wait_for
from stamped import number, stamps

USERS = '''
import os, time
from locust import User, constant, task
class Buyer(User):
    wait_time = constant(0.01)
    def log(self, word):
        with open(os.environ["STAMPS"], "a") as file:
            file.write(f"{word} {self.environment.runner.worker_index}\\n")
    def on_start(self):
        self.log("came")
    @task
    def buy(self):
        self.log("buy")
'''

run = functools.partial(stamped.run, source=USERS)


def by_worker(tmp_path, word="buy"):
    return Counter(int(index) for _, index in stamps(tmp_path, word))


def test_each_worker_starts_as_many_arrivals_as_it_weighs(tmp_path):
    ended = run(tmp_path, "--processes", 3, "--worker-weights", "0=5,2=2", "--scenario", "a:constant-arrival-rate:rate=100/s,duration=4s,users=40,max_queue=400")
    assert number(ended, "due") == number(ended, "started") == 400, ended.describe()
    assert by_worker(tmp_path) == {0: 250, 1: 50, 2: 100}, ended.describe()
    came = by_worker(tmp_path, "came")
    assert came[0] >= 25 and 5 <= came[1] < 25, came


def test_users_and_iterations_go_by_weight_too(tmp_path):
    ended = run(tmp_path, "--processes", 2, "--worker-weights", "*_*=3,1=3", "--scenario", "a:per-vu-iterations:users=6,iterations=2", "--scenario",
                "b:constant-vus:users=2,duration=1s,start_after=a")
    assert by_worker(tmp_path, "came") == {0: 4, 1: 4}, "the first name that fits counts: all are alike"
    (tmp_path / "stamps").unlink()
    ended = run(tmp_path, "--processes", 2, "--worker-weights", "1=3", "--scenario", "a:per-vu-iterations:users=8,iterations=5")
    assert number(ended, "started") == 40 and by_worker(tmp_path) == {0: 10, 1: 30}, ended.describe()
    (tmp_path / "stamps").unlink()
    ended = run(tmp_path, "--processes", 2, "--worker-weights", "1=3", "-u", 12, "-r", 12, "-i", 200)
    assert by_worker(tmp_path, "came") == {0: 3, 1: 9} and number(ended, "started") == 200, ended.describe()


def test_with_fewer_users_than_shares_some_workers_have_no_arrivals(tmp_path):
    ended = run(tmp_path, "--processes", 3, "--worker-weights", "0=50", "--scenario", "a:constant-arrival-rate:rate=50/s,duration=2s,users=1,max_users=1,max_queue=200")
    assert number(ended, "due") == 100 == number(ended, "started") + number(ended, "cut"), ended.describe()
    assert len(by_worker(tmp_path)) == 1, ended.describe()


def test_nothing_is_lost_when_a_worker_of_weight_quits(tmp_path):
    port, env = free_port(), {"STAMPS": str(tmp_path / "stamps")}
    worker = ("--worker", "--master-port", port)
    with locustfile(USERS) as file, katydid("-f", file, "--master", "--master-bind-port", port, "--headless", "--only-summary", "--expect-workers", 3, "--worker-weights",
                                            "0=4,1=2", "--scenario", "a:constant-arrival-rate:rate=80/s,duration=5s,max_queue=400") as master:
        with katydid("-f", file, *worker, env=env) as first, katydid("-f", file, *worker, env=env), katydid("-f", file, *worker, env=env):
            wait_for(lambda: len(by_worker(tmp_path)) == 3, "all workers to start iterations")
            first.signal(signal.SIGTERM)
            assert first.wait() == 0, first.describe()
            assert master.wait() == 0, master.describe()
    assert number(master, "due") == 400 == number(master, "started") + number(master, "cut"), master.describe()
    assert not number(master, "lost") and len(stamps(tmp_path, "buy")) == number(master, "started"), master.describe()


UNEQUAL = '''
import time
from locust import User, task
class Buyer(User):
    @task
    def buy(self):
        ends = time.thread_time() + (0.012 if self.environment.runner.worker_index == 0 else 0.002)
        while time.thread_time() < ends: pass
        time.sleep(0)
        self.environment.events.request.fire(request_type="GET", name="/", response_time=1, response_length=0, exception=None, context={})
'''


def test_weights_are_measured():
    """The one whose iterations take six times as much of a processor weighs less, as soon as that is seen."""
    port = free_port()
    with locustfile(UNEQUAL) as file, katydid("-f", file, "--autostart", "--web-port", port, "--processes", 2, "--worker-weights", "auto", "--scenario",
                                              "a:constant-arrival-rate:rate=60/s") as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")

        def told():
            return [event["text"] for event in get_json(url + "/api/v1/events")["events"] if "Weights of workers" in event["text"]]

        wait_for(told, "the weights to change", 90)
        found = dict(re.findall(r"(\d): 16 → (\d+)", told()[0]))
        assert int(found["0"]) < 16 < int(found["1"]), told()
        assert not re.search(r"^\w+(Error|Exception)\b", master.stderr, re.M), master.describe()


@pytest.mark.parametrize("weights", ["big", "a=0", "a=1001", "a=2,auto"])
def test_what_are_no_weights_is_refused(tmp_path, weights):
    ended = run(tmp_path, "--worker-weights", weights, "-u", 1, "-t", 1)
    assert ended.code == 2 and "--worker-weights: '" in ended.stderr and "are no weights: write auto" in ended.stderr, ended.describe()
