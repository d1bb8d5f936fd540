# SPDX-License-Identifier: MIT
"""What a locustfile says of its scenarios, as the master hears it; and what a user learns of its own."""

import importlib
import os
import time
import types
from datetime import timedelta

import gevent
import pytest
from katydid import load
from katydid.load import Arrivals, Users, scenario_of

from locust import User, _scenarios, task
from locust._loops import steps
from locust._scenarios import elapsed_s


class Buyer(User):
    arrival_rate = None

    @task
    def buy(self):
        pass


class Browser(User):
    arrival_rate = "3/m"


def checkout(user):
    pass


def described(classes=(), **names):
    return load.describe([types.SimpleNamespace(**names)], classes)


def test_k6_dictionaries_go_as_they_are():
    k6 = {"executor": "constant-arrival-rate", "rate": 4, "timeUnit": "1s", "duration": 2000, "preAllocatedVUs": 3,
          "env": {"A": "b"}, "tags": {"n": 1}, "stages": [{"duration": "1s", "target": 3}]}
    assert described(options={"scenarios": {"a": k6}}) == {"a": k6}
    assert described(scenarios={"a": {**k6, "exec": checkout}, "b": {**k6, "exec": Buyer.buy, "class": Buyer}}) == {
        "a": {**k6, "exec": "checkout"}, "b": {**k6, "exec": "Buyer.buy", "class": "Buyer"}}


@pytest.mark.parametrize("arrivals, text", [
    (Arrivals(Buyer, "20/s"), "constant-arrival-rate:class=Buyer,rate=20/s"),
    (Arrivals(Buyer, rate=2.5, duration=90), "constant-arrival-rate:class=Buyer,rate=2.500000,duration=90"),
    (Arrivals(task="buy", rate="1/s", duration=timedelta(minutes=1.5)), "constant-arrival-rate:task=buy,rate=1/s,duration=90.000000"),
    (Arrivals(Buyer, exec=checkout, rate="1/s", seed=7, start_after="a"),
     "constant-arrival-rate:class=Buyer,task=checkout,rate=1/s,seed=7,start_after=a"),
    (Arrivals(Buyer, rate="20/s", stages=[("2m", "20/s"), (30, 80)], max_users=400, distribution="poisson"),
     "ramping-arrival-rate:class=Buyer,rate=20/s,max_users=400,distribution=poisson,stages=2m:20/s,30:80"),
    (Arrivals(rate="1/s", env={"A": "1,2", "P": "5%"}, tags={"k": True}),
     "constant-arrival-rate:rate=1/s,env.A=1%2c2,env.P=5%25,tag.k=true"),
    (Users(Buyer, 500, duration="5m"), "constant-vus:class=Buyer,users=500,duration=5m"),
    (Users(Buyer, 500, spawn_rate=50), "constant-vus:class=Buyer,users=500,spawn_rate=50"),
    (Users(Buyer, 5, throttle="20/s"), "constant-vus:class=Buyer,users=5,throttle=20/s"),
    (Users(Buyer, 5, throttle=[("1m", "20/s"), (30, 5)]), "constant-vus:class=Buyer,users=5,throttle=1m:20/s,30:5"),
    (Users(Buyer, 500, spawn_rate=50, duration=60, task="buy"), "constant-vus:class=Buyer,task=buy,users=500,spawn_rate=50,duration=60"),
    (Users(Buyer, stages=[("2m", 100), ("1m", 0)], start_users=5, graceful_ramp_down=0.5),
     "ramping-vus:class=Buyer,start_users=5,graceful_ramp_down=0.500000,stages=2m:100,1m:0"),
    (Arrivals(Buyer, stages=[load.rampUsersPerSec(10).to("20/s").during("10 minutes"), (30, 80), load.atOnceUsers(5), "1m:3/s"]),
     "ramping-arrival-rate:class=Buyer,stages=rampUsersPerSec(10).to(20/s).during(10 minutes),30:80,atOnceUsers(5),1m:3/s"),
    (Arrivals(Buyer, stages=load.stressPeakUsers(1000).during(timedelta(seconds=20))),
     "ramping-arrival-rate:class=Buyer,stages=stressPeakUsers(1000).during(20.000000)"),
    (Arrivals(stages=[load.sine(50, amplitude=20, period="1m", during="10m"), load.spike("1/s", to=9, after=1, lasting=2, during=4)]),
     "ramping-arrival-rate:stages=sine(50).amplitude(20).period(1m).during(10m),spike(1/s).to(9).after(1).lasting(2).during(4)"),
    (Users(Buyer, stages=[load.incrementConcurrentUsers(5).times(3).eachLevelLasting(10).startingFrom(1), load.step(2, times=3, lasting=1)]),
     "ramping-vus:class=Buyer,stages=incrementConcurrentUsers(5).times(3).eachLevelLasting(10).startingFrom(1),"
     "step(2).times(3).lasting(1).startingFrom(0)"),
    (load.FindKnee(Buyer, step="20/s", level=15, max_rate="400/s", task="buy"), "find-knee:class=Buyer,task=buy,step=20/s,level=15,max_rate=400/s"),
    (Arrivals(stages=[load.replay("/tmp/a.csv", speed=2)]), "ramping-arrival-rate:stages=replay(/tmp/a.csv).speed(2)"),
])
def test_load_becomes_the_text_of_the_command_line(arrivals, text):
    assert described(scenarios={"a": arrivals}) == {"a": text}


@pytest.mark.parametrize("stages, when", [
    ([(10, 3, 3)], [(0, 3), (10, 0)]),
    ([(4, 0, 4), (2, 4, 4), (4, 4, 0)], [(0, 0), (0, 1), (1, 2), (2, 3), (3, 4), (4, 4), (6, 4), (7, 3), (8, 2), (9, 1), (10, 0), (10, 0)]),
    ([(0, 1, 5), (1, 5, 7), (0, 7, 2), (1, 2, 2)], [(0, 1), (0, 5), (0, 6), (0.5, 7), (1, 7), (1, 2), (2, 0)]),
])
def test_users_come_and_go_along_the_line(stages, when):
    assert list(steps(stages)) == when


def test_on_the_masters_machine_its_clock_counts():
    with open("/proc/sys/kernel/random/boot_id") as file:
        ours = file.read().strip()
    began = time.monotonic() - 5
    late = {"elapsed": 1.0, "began": began, "machine": ours}  # the word was under way for 4 s
    assert 5 <= elapsed_s(late, 0.0) < 50
    assert elapsed_s({**late, "machine": "another"}, 0.5) == 1.5
    assert 5 <= elapsed_s({**late, "machine": "another", "began": began + 700}, 0.5, 700.0) < 50  # its clock is so far ahead
    assert elapsed_s({**late, "machine": ""}, 0.5) == elapsed_s({"elapsed": 1.0}, 0.5) == 1.5
    assert elapsed_s({**late, "began": began - 1000}, 0.0) == 1.0  # its clock is another one
    assert elapsed_s({**late, "began": began + 1000}, 0.0) == 1.0


def test_a_file_to_replay_is_beside_the_locustfile():
    assert str(load.replay("test_load.py")) == f"replay({os.path.abspath(__file__)}).speed(1)"
    k6 = {"executor": "ramping-arrival-rate", "stages": [load.atOnceUsers(3), {"duration": "1s", "target": 3}]}
    assert described(scenarios={"a": k6})["a"]["stages"] == ["atOnceUsers(3)", {"duration": "1s", "target": 3}]


def test_classes_may_have_a_rate_of_their_own():
    assert described([Buyer, Browser]) == {"Browser": "constant-arrival-rate:class=Browser,rate=3/m"}


@pytest.mark.parametrize("other", [None, 3, [1], {}, {"a": 1}, {"buy": {"weight": 3}}, Buyer, "constant-arrival-rate:rate=1/s"])
def test_a_variable_for_something_else_is_none_of_ours(other):
    assert described(scenarios=other, options=other) == {}
    assert described(options={"scenarios": other}) == {}


@pytest.mark.parametrize("options, expected", [
    ({"vus": 10, "duration": "30s"}, {"executor": "constant-vus", "vus": 10, "duration": "30s"}),
    ({"vus": 10, "iterations": 50, "duration": "1m"}, {"executor": "shared-iterations", "vus": 10, "iterations": 50, "maxDuration": "1m"}),
    ({"vus": 4}, {"executor": "shared-iterations", "vus": 4, "iterations": 4}),
    ({"stages": [{"duration": "5s", "target": 3}]}, {"executor": "ramping-vus", "stages": [{"duration": "5s", "target": 3}]}),
    ({"vus": 2, "stages": [{"duration": "5s", "target": 3}]}, {"executor": "ramping-vus", "stages": [{"duration": "5s", "target": 3}], "startVUs": 2}),
])
def test_k6s_short_options_are_one_scenario(options, expected):
    assert described(options=options) == {"default": expected}


def test_short_options_that_say_two_ends_are_refused_and_others_are_left_alone():
    assert "one of them says when it ends" in described(options={"vus": 2, "duration": "5s", "stages": [{"duration": "5s", "target": 3}]})["default"]["error"]
    for other in ({"duration": "30s"}, {"stages": ["a", "b"]}, {"vus": "many"}, {"iterations": 3}, {"stages": [{"name": "x"}]}):
        assert described(options=other) == {}


def test_what_cannot_be_one_is_said_by_name():
    found = described(scenarios={"a": Arrivals(Buyer, "1/s"), "b": 3, "c": Arrivals([Buyer, Browser], "1/s"),
                                 "d": Arrivals("Buyer,x=1", "1/s")})
    assert "error" not in found["a"]
    assert "class=Buyer+Browser" in found["c"]
    assert [words in found[name]["error"] for name, words in (("b", "3 is no scenario"), ("d", "has a comma"))] == [True] * 2
    twice = load.describe([types.SimpleNamespace(scenarios={"a": Arrivals(Buyer, "1/s")})] * 2, [])
    assert "two locustfiles" in twice["a"]["error"]


class Scenario:
    """Stands in for the core's."""

    is_open = is_of_all = False

    def __init__(self):
        self.taken = []

    def share(self, share):
        pass

    def again(self, *piece):
        self.taken.append(piece)

    def end(self):
        pass


def test_what_a_worker_had_left_waits_until_all_of_it_is_due(monkeypatch):
    one, scenarios = Scenario(), _scenarios.Scenarios(None, [])
    scenarios._all = [one]
    monkeypatch.setattr(_scenarios, "_EPOCH_S", 0)
    mine, lost, quit = [0, 1, 2, 0, 0, 0], [7, 1, 3, 0, 0, 0], [8, 2, 3, 0, 0, 0]
    scenarios.follow(1.0, 1.0, [mine], [(0, lost, 20, True), (0, quit, 20, False)])
    monkeypatch.setattr(_scenarios, "_EPOCH_S", 3600)
    alone = [0, 0, 1, 0, 0, 0]
    scenarios.follow(1.0, 1.0, [alone], [(0, lost, 20, True)])
    with gevent.Timeout(60):
        while not one.taken:
            gevent.sleep(0)
    assert one.taken == [(lost, 20, True, mine), (quit, 20, False, mine)], "another worker's wait for their own time"
    scenarios.end()
    assert one.taken[2:] == [(lost, 20, True, alone)], "what is not due at the end is counted as cut"


FILE = '''
from locust import User, task
from katydid.load import Arrivals
class Buyer(User):
    @task
    def buy(self):
        pass
class Other(User):
    pass
scenarios = {"a": Arrivals("Nobody", "1/s", env={"N": 1}), "b": Arrivals(Buyer, "1/s", env={"N": 2}, tags={"t": "x"}),
             "c": {"executor": "constant-arrival-rate", "exec": "buy", "env": {"N": 3}}}
'''


def test_without_scenarios_a_user_finds_what_the_file_says(tmp_path, monkeypatch):
    (tmp_path / "of_load.py").write_text(FILE)
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    module = importlib.import_module("of_load")
    assert scenario_of(module.Buyer(None)) == ("", {"N": "2"}, {"t": "x"})
    assert scenario_of(module.Other(None)) == ("", {}, {})
    assert scenario_of(Buyer(None)) == ("", {}, {})
