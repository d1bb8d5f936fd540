# SPDX-License-Identifier: MIT
"""So many iterations, over however many workers: never one too many, all of them, and what a lost worker leaves open is told."""

import functools
import os
import re
import signal
from collections import Counter
from pathlib import Path

import pytest

import stamped
from harness import ROOT, children, free_port, katydid, locustfile, wait_for
from stamped import number

PLUGINS = Path(os.environ.get("KATYDID_PLUGINS_VENV", ROOT / "build" / "venv-plugins"))

USERS = '''
import itertools, os, time
from locust import SequentialTaskSet, User, constant, task
ids = itertools.count()
class Buyer(User):
    wait_time = constant(0)
    def on_start(self):
        self.id = f"{os.getpid()}.{next(ids)}"
    def log(self, word):
        with open(os.environ["STAMPS"], "a") as file:
            file.write(f"{word} {os.getpid()} {self.id}\\n")
    @task
    def buy(self):
        self.log("buy")
        time.sleep(float(os.environ.get("NAP", "0.002")))
        if os.environ.get("RAISE"):
            raise ValueError("no")
'''
LOOKS = USERS + '''
    @task
    def look(self):
        self.log("look")
'''
SETS = USERS + '''
class Ordered(Buyer):
    tasks = []
    @task
    class Steps(SequentialTaskSet):
        @task
        def one(self):
            self.user.log("one")
        @task
        def two(self):
            self.user.log("two")
            self.interrupt()
'''


run = functools.partial(stamped.run, source=USERS, nap=0.002)
stamps = functools.partial(stamped.stamps, word="buy")


@pytest.mark.parametrize("more", [[], ["--processes", 3]], ids=["one", "three"])
def test_users_share_so_many_iterations(more, tmp_path):
    ended = run(tmp_path, *more, "--scenario", "a:shared-iterations:users=5,iterations=301", RAISE="1")
    assert ended.code == 1 and "All iterations are done, shutting down" in ended.stderr, ended.describe()
    assert len(stamps(tmp_path)) == number(ended, "started") == number(ended, "due") == 301, ended.describe()


@pytest.mark.parametrize("more", [[], ["--processes", 2]], ids=["one", "two"])
def test_each_user_does_so_many(more, tmp_path):
    ended = run(tmp_path, *more, "--scenario", "a:per-vu-iterations:users=5,iterations=20")
    of_each = Counter(id for _, _, id in stamps(tmp_path))
    assert ended.code == 0 and list(of_each.values()) == [20] * 5, (of_each, ended.describe())
    assert number(ended, "started") == number(ended, "due") == 100, ended.describe()


def test_what_the_longest_time_leaves_over_is_dropped(tmp_path):
    ended = run(tmp_path, "--processes", 2, "--scenario", "a:shared-iterations:users=2,iterations=2000,max_duration=1s", nap=0.1)
    assert ended.code == 0 and number(ended, "due") == 2000, ended.describe()
    assert number(ended, "started") == len(stamps(tmp_path)) < 2000, ended.describe()
    assert number(ended, "dropped") == 2000 - number(ended, "started"), ended.describe()


PASTED = USERS + '''
from katydid.load import Iterations
options = {"scenarios": {"k6": {"executor": "per-vu-iterations", "vus": 2, "iterations": 3, "maxDuration": "1m", "exec": "buy"}}}
scenarios = {"more": Iterations(Buyer, 7, users=2, start_time=0.5)}
'''


def test_k6s_dictionary_and_ours_run_side_by_side(tmp_path):
    ended = run(tmp_path, source=PASTED)
    assert ended.code == 0 and len(stamps(tmp_path)) == 13, ended.describe()
    plan = run(tmp_path, "--show-plan", source=PASTED)
    assert plan.stdout.splitlines() == [
        "k6: per-vu-iterations of Buyer.buy, 2 users, 3 iterations each, which are 6, for at most 1m; 30s to finish",
        "more: shared-iterations of Buyer, 2 users, 7 iterations together, for at most 10m, beginning after 0.5s; 30s to finish"]


@pytest.mark.parametrize("more", [[], ["--processes", 2]], ids=["one", "two"])
@pytest.mark.parametrize("plug_in", [False, True], ids=["alone", "locust-plugins"])
def test_iterations_of_all_users_end_the_test(more, plug_in, tmp_path):
    env = {"VIRTUAL_ENV": str(PLUGINS)} if plug_in else {}
    ended = run(tmp_path, *more, "-i", 101, "-u", 6, "-r", 6, source=("import locust_plugins" if plug_in else "") + SETS, **env)
    assert ended.code == 0 and "All iterations are done" in ended.stderr, ended.describe()
    assert sum(len(stamps(tmp_path, word=word)) for word in ("buy", "one", "two")) == number(ended, "started") == 101, ended.describe()


@pytest.mark.parametrize("plug_in", [False, True], ids=["alone", "locust-plugins"])
def test_iterations_a_second_are_those_of_all_workers(plug_in, tmp_path):
    env = {"VIRTUAL_ENV": str(PLUGINS)} if plug_in else {}
    ended = run(tmp_path, "--processes", 2, "--ips", 20, "-u", 6, "-r", 6, "-t", 3, source=("import locust_plugins" if plug_in else "") + USERS, **env)
    due, started = number(ended, "due"), number(ended, "started")
    assert ended.code == 0 and due == started + number(ended, "dropped") + number(ended, "cut"), ended.describe()
    assert started == len(stamps(tmp_path)) and 0 < due <= 20 * 60, ended.describe()
    assert "start_delay{scenario:ips}" in ended.stderr and "Failed to reach target" not in ended.stderr, ended.describe()


@pytest.mark.parametrize("arguments, words", [
    (["-i", "5", "--rate", "1/s"], "--iterations and --ips are about all users"),
    (["--ips", "5", "--scenario", "a:constant-vus:users=1"], "--iterations and --ips are about all users"),
    (["-i", "0.5"], "iterations"),
])
def test_what_does_not_go_together_is_refused(tmp_path, arguments, words):
    ended = run(tmp_path, *arguments)
    assert ended.code == 2 and words in ended.stderr and not stamps(tmp_path), ended.describe()


@pytest.mark.parametrize("more", [[], ["--processes", 2]], ids=["one", "two"])
def test_what_follows_iterations_begins_when_these_are_done(more, tmp_path):
    """Long before their ten minutes are over: the test would not end in time."""
    plan = ["--scenario", "a:shared-iterations:users=2,iterations=20,task=buy", "--scenario", "b:constant-arrival-rate:rate=50/s,duration=1s,task=look,start_after=a",
            "--scenario", "c:per-vu-iterations:users=2,iterations=3,task=look,start_after=b", "--scenario", "d:constant-vus:users=1,duration=300ms,start_after=c,task=buy"]
    ended = run(tmp_path, *more, *plan, source=LOOKS)
    assert ended.code == 0, ended.describe()
    assert number(ended, "due", "a") == number(ended, "started", "a") == 20 and number(ended, "due", "b") == 50, ended.describe()
    assert number(ended, "started", "b") + number(ended, "cut", "b") == 50 and number(ended, "started", "c") == 6, ended.describe()
    assert len(stamps(tmp_path, word="look")) == number(ended, "started", "b") + 6, ended.describe()
    shown = run(tmp_path, *plan, "--show-plan", source=LOOKS).stdout
    assert "beginning when 'a' is over, at the latest after 10m" in shown and "beginning when 'c' is over, at the latest after 20m1s" in shown, shown


def test_iterations_beside_scenarios_of_the_locustfile_are_refused(tmp_path):
    ended = run(tmp_path, "-i", 5, source=PASTED)
    assert ended.code == 2 and "--iterations and --ips are about all users" in ended.stderr, ended.describe()


@pytest.mark.parametrize("scenario, due", [
    ("a:constant-arrival-rate:rate=60/s,duration=4s", 240), ("a:shared-iterations:users=4,iterations=150", 150),
    ("a:per-vu-iterations:users=4,iterations=40", 160),
], ids=["rate", "shared", "each"])
def test_what_a_lost_worker_leaves_open_is_told(scenario, due, tmp_path):
    env = {"STAMPS": str(tmp_path / "stamps"), "NAP": "0.05"}
    with locustfile(USERS) as file, katydid("-f", file, "--headless", "--only-summary", "--processes", 2, "--scenario", scenario,
                                            env=env) as process:
        wait_for(lambda: len({pid for _, pid, _ in stamps(tmp_path)}) == 2, "both workers to start iterations")
        victim = int(stamps(tmp_path)[0][1])
        assert victim in children(process.pid)
        os.kill(victim, 9)
        assert process.wait() == 0, process.describe()
    lost, cut = number(process, "lost"), number(process, "cut")
    assert number(process, "due") == due == number(process, "started") + number(process, "dropped") + cut, process.describe()
    assert 0 < lost <= cut, process.describe()
    assert f"was lost with {lost} iterations of which it is not known whether they started" in process.stderr, process.describe()
    assert number(process, "started") <= len(stamps(tmp_path)) <= number(process, "started") + lost, process.describe()


def test_what_a_lost_worker_leaves_open_others_do(tmp_path):
    """Each arrival is started at least once; what the lost one had told of as due is due again."""
    env = {"STAMPS": str(tmp_path / "stamps"), "NAP": "0.05"}
    with locustfile(USERS) as file, katydid("-f", file, "--headless", "--only-summary", "--processes", 2, "--reassign", "--scenario",
                                            "a:constant-arrival-rate:rate=60/s,duration=6s,max_queue=1000", env=env) as process:
        wait_for(lambda: len({pid for _, pid, _ in stamps(tmp_path)}) == 2, "both workers to start iterations")
        victim = int(stamps(tmp_path)[0][1])
        assert victim in children(process.pid)
        os.kill(victim, 9)
        assert process.wait() == 0, process.describe()
    due, started, lost, cut = (number(process, word) for word in ("due", "started", "lost", "cut"))
    assert due == started + cut and due - lost == 360, process.describe()
    assert re.search(r"worker '\S+' was lost with \d+ iterations, which others start late", process.stderr), process.describe()
    assert number(process, "repeated") > 0 and len(stamps(tmp_path)) >= 360 - (cut - lost), process.describe()


@pytest.mark.parametrize("plan, iterations", [
    (("--scenario", "a:shared-iterations:users=4,iterations=60"), 60), (("--scenario", "a:shared-iterations:users=4,iterations=300"), 300),
    (("--scenario", "a:per-vu-iterations:users=4,iterations=40"), 160), (("-i", 60, "-u", 4, "-r", 4), 60), (("-i", 300, "-u", 4, "-r", 4), 300),
], ids=["all granted", "some left", "each", "of all, granted", "of all, some left"])
def test_what_a_worker_that_leaves_was_granted_others_do(plan, iterations, tmp_path):
    """It told all that it did: together they start each one once."""
    port, env = free_port(), {"STAMPS": str(tmp_path / "stamps"), "NAP": "0.05"}
    worker = ("--worker", "--master-port", port)
    with locustfile(USERS) as file, katydid("-f", file, "--master", "--master-bind-port", port, "--headless", "--only-summary", "--expect-workers", 2, *plan) as master:
        with katydid("-f", file, *worker, env=env), katydid("-f", file, *worker, env=env) as second:
            wait_for(lambda: len({pid for _, pid, _ in stamps(tmp_path)}) == 2, "both workers to start iterations")
            second.signal(signal.SIGTERM)
            assert second.wait() == 0, second.describe()
            assert master.wait() == 0, master.describe()
    assert number(master, "due") == iterations == number(master, "started") == len(stamps(tmp_path)), master.describe()
    assert not number(master, "cut") + number(master, "lost") + number(master, "dropped"), master.describe()
    if "per-vu" in str(plan):
        assert max(Counter(id for _, _, id in stamps(tmp_path)).values()) <= 40
