# SPDX-License-Identifier: MIT
"""Scenarios with an arrival rate: what starts, when, and what becomes of arrivals that find no user. No assertion is about how
fast this machine is: counts follow from the plan, whatever is late."""

import base64
import functools
import gzip
import json
import os
import re
import shutil
import signal
from collections import Counter

import pytest

import stamped
from harness import ROOT, STOCK_LOCUST, Process, children, free_port, get_json, katydid, locustfile, target, wait_for
from stamped import number, stamps

USERS = '''
import os, time
from locust import User, constant, task
class Buyer(User):
    wait_time = constant(1000)
    def on_start(self):
        self.log("on_start")
    def log(self, word):
        with open(os.environ["STAMPS"], "a") as file:
            file.write(f"{word} {os.getpid()} {time.clock_gettime(time.CLOCK_MONOTONIC):.6f}\\n")
    @task
    def buy(self):
        self.log("buy")
        time.sleep(float(os.environ.get("NAP", "0")))
    @task
    def look(self):
        self.log("look")
'''


run = functools.partial(stamped.run, source=USERS)


def test_each_arrival_starts_one_task_and_the_test_ends_with_the_last(tmp_path):
    ended = run(tmp_path, "--scenario", "buy:constant-arrival-rate:rate=100/s,duration=2s,task=buy")
    assert ended.code == 0, ended.describe()
    assert number(ended, "due") == number(ended, "started") == len(stamps(tmp_path, "buy")) == 200, ended.describe()
    assert len(stamps(tmp_path, "on_start")) >= 10 and not stamps(tmp_path, "look"), ended.describe()
    assert re.search(r"^start_delay\{scenario:buy\} .*\(200\)$", ended.stderr, re.MULTILINE), ended.describe()


def test_workers_together_start_what_one_would(tmp_path):
    plan = "buy:ramping-arrival-rate:stages=1s:200/s,1s:200/s,1s:0/s,distribution=poisson,seed=5"
    alone = run(tmp_path, "--scenario", plan)
    (tmp_path / "stamps").rename(tmp_path / "of_one")
    three = run(tmp_path, "--processes", 3, "--scenario", plan)
    assert number(alone, "due") == number(three, "due") > 300, three.describe()
    for ended in (alone, three):
        assert number(ended, "started") + number(ended, "cut") + number(ended, "dropped") == number(ended, "due")
    began = stamps(tmp_path, "buy") + stamps(tmp_path, "look")
    assert len(began) == number(three, "started") and len({pid for _, pid, _ in began}) == 3, three.describe()


def test_without_a_free_user_k6_drops(tmp_path):
    """31 are due (at 0 and at the end too); three users can start two each, and one that is slow may miss its second."""
    ended = run(tmp_path, "--scenario", "buy:constant-arrival-rate:rate=10,duration=3s,preAllocatedVUs=1,maxVUs=3,on_busy=drop,"
                "phase=k6,exec=buy", nap=1.5)
    assert number(ended, "due") == 31, ended.describe()
    assert 3 <= number(ended, "started") <= 6, ended.describe()
    assert number(ended, "started") + number(ended, "dropped") + number(ended, "cut") == 31, ended.describe()


def test_without_a_free_user_arrivals_wait_or_users_are_made(tmp_path):
    queue = run(tmp_path, "--scenario", "buy:constant-arrival-rate:rate=20/s,duration=1s,users=1,on_busy=queue,max_queue=5,task=buy,"
                "graceful_stop=0", nap=30)
    assert (number(queue, "due"), number(queue, "started")) == (20, 1), queue.describe()
    assert (number(queue, "dropped"), number(queue, "cut"), number(queue, "interrupted")) == (14, 5, 1), queue.describe()
    (tmp_path / "stamps").unlink()
    grow = run(tmp_path, "--scenario", "buy:constant-arrival-rate:rate=20/s,duration=1s,users=1,task=buy,graceful_stop=0", nap=30)
    assert number(grow, "due") == 20 and number(grow, "started") + number(grow, "cut") == 20, grow.describe()
    assert len(stamps(tmp_path, "on_start")) > 8, grow.describe()


BUSY = USERS.replace("        time.sleep(float", "        ends = time.process_time() + 0.02\n        while time.process_time() < ends: pass\n        time.sleep(float")


def test_users_are_not_made_for_a_worker_that_has_enough_to_do(tmp_path):
    """Each arrival keeps the processor for 20 ms: 50 a second is all there can be, and more users would only take time away."""
    ended = run(tmp_path, "--scenario", "buy:constant-arrival-rate:rate=300/s,duration=2s,users=1,max_users=2000,max_queue=1000,task=buy,"
                "graceful_stop=0", source=BUSY)
    assert number(ended, "due") == 600 and number(ended, "cut") > 0, ended.describe()
    assert len(stamps(tmp_path, "on_start")) < 250, ended.describe()


def test_a_lost_workers_arrivals_go_to_those_that_are_left(tmp_path):
    env = {"STAMPS": str(tmp_path / "stamps")}
    with locustfile(USERS) as file, katydid("-f", file, "--headless", "--only-summary", "--processes", 2, "-t", "60", "--scenario",
                                            "buy:constant-arrival-rate:rate=50/s", env=env) as process:
        wait_for(lambda: len({pid for _, pid, _ in stamps(tmp_path, "buy")}) == 2, "both workers to start iterations")
        victim = int(stamps(tmp_path, "buy")[0][1])
        assert victim in children(process.pid)
        os.kill(victim, 9)

        def alone():
            last = (stamps(tmp_path, "buy") + stamps(tmp_path, "look"))[-600:]
            mine = sorted(float(at) for _, pid, at in last if int(pid) != victim)
            return len(mine) > 100 and mine[-1] - mine[-100] < 3  # 99 gaps: 2 s at the whole rate, 4 s at half of it

        wait_for(alone, "the other worker to start all of them")


@pytest.mark.parametrize("arguments, words", [
    (["--scenario", "buy"], "'buy' is no scenario"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s,speed=2"], "scenario 'b': there is no key 'speed'"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s,class=Nobody"], "there is no User class named 'Nobody' (the locustfile has Buyer)"),
    (["--scenario", "b:constant-vus:users=1,class=Buier"], "there is no User class named 'Buier': did you mean Buyer?"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s,task=bui"], "scenario 'b': Buyer has no task named 'bui': did you mean buy?"),
    (["--scenario", "b:shared-iterations:iterations=5,exec=Buyer.lok"], "scenario 'b': Buyer has no task named 'lok': did you mean look?"),
    (["--rate", "1/s", "--scenario", "b:constant-vus:users=1,task=xyzzy"], "scenario 'b': Buyer has no task named 'xyzzy': it has buy, look"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s", "--scenario", "b:constant-arrival-rate:rate=2/s"], "this name is given twice"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s,start_after=c"], "scenario 'b': start_after=c: there is no scenario of that name"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s", "-u", "5"], "for scenarios of so many users"),
    (["--show-plan"], "there is no scenario"),
    (["--from-stage", "2"], "--from-stage: there is no scenario"),
    (["--rate", "1/s", "--from-stage", "2"], "--from-stage: no scenario has stages"),
    (["--stages", "1m:5,1m:9", "--from-stage", "3"], "--from-stage: scenario 'stages': from_stage=3: there are not so many stages"),
    (["--stages", "1m:5,1m:9", "--from-stage", "buy=2"], "--from-stage: there is no scenario 'buy': there is stages"),
    (["--stages", "1m:5", "--scenario", "b:ramping-vus:stages=1m:5", "--from-stage", "1"], "--from-stage: write NAME=NUMBER of one of b, stages"),
    (["--scenario", "b:ramping-vus:stages=1m:5,1m:9,1m:2,from_stage=2", "--from-stage", "2"], "'b' does not begin with its first stage as it is"),
    (["--stages", "1m:5,1m:9,1m:2", "--from-stage", "2", "--from-stage", "2"], "'stages' does not begin with its first stage as it is"),
    (["--scenario", "b:constant-vus:users=5,from_stage=2"], "scenario 'b': from_stage goes with stages"),
    (["--scenario", "b:ramping-vus:stages=1m:5,spawn_rate=2"], "scenario 'b': spawn_rate goes with constant-vus"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s", "--scenario-only", "c"], "--scenario-only: there is no scenario 'c': there is b"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s,class=Buyer*2+Bier"], "there is no User class named 'Bier': did you mean Buyer?"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s,class=Buyer*0+Buyer"], "scenario 'b': class=Buyer*0+Buyer: write one User class, or several"),
    (["--scenario", "b:constant-vus:users=1,class=Buyer+Buyer"], "scenario 'b': class=Buyer+Buyer: several classes go with arrival rates"),
    (["--scenario-only", "c"], "--scenario-only: there is no scenario 'c'"),
    (["--scenario", "b:constant-vus:users=1,fresh=true"], "scenario 'b': fresh goes with arrival rates, not with constant-vus"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s,fresh=yes"], "fresh 'yes' is not known: it is one of false, true"),
    (["--scenario", "b:constant-arrival-rate:rate=1/s,max_users=0"], "scenario 'b': max_users must be 1 or more"),
    (["--scenario", "b:constant-arrival-rate:rate=1/m,duration=12s"], "scenario 'b': no arrival would be due: its rate makes 0.2 of one in all"),
    (["--scenario", "b:ramping-arrival-rate:stages=1s:1/s,phase=k6"], "scenario 'b': no arrival would be due: its rate makes 0.5 of one in all"),
    (["--rate", "fast"], "--rate: scenario 'rate': rate=fast is no rate"),
    (["--rate-ramp", "1/s"], "--rate-ramp: '1/s' is no ramp: write FROM..TO:DURATION"),
    (["--scenarios", "/nowhere.toml"], "/nowhere.toml"),
    (["--stages", "rampUsers(5).in(3)"], "--stages: scenario 'stages': rampUsers: there is no word 'in'"),
    (["--scenario", "b:ramping-vus:stages=atOnceUsers(3)"], "scenario 'b': atOnceUsers goes with ramping-arrival-rate"),
    (["--stages", "30s:5/s"], "--stages: scenario 'stages': '30s:5/s' is no stage"),
])
def test_what_does_not_go_together_is_refused(tmp_path, arguments, words):
    ended = run(tmp_path, *arguments)
    assert ended.code == 2 and words in ended.stderr, ended.describe()
    assert not stamps(tmp_path, "on_start"), ended.describe()


@pytest.mark.parametrize("scenario, words", [
    ("rate=1/m", "the first is due after 30 s, and the run time is 1 s"),
    ("rate=1/s,start_time=1m", "the first is due after 60.5 s, and the run time is 1 s"),
    ("rate=1/h,duration=1s,distribution=poisson,seed=1", "by chance it has no arrival"),
])
def test_a_scenario_that_will_start_nothing_is_told_before(tmp_path, scenario, words):
    ended = run(tmp_path, "-t", 1, "--scenario", "b:constant-arrival-rate:" + scenario)
    assert f"Scenario 'b' starts nothing: {words}" in ended.stderr, ended.describe()


def test_one_of_all_scenarios_runs(tmp_path):
    three = [word for name in "abc" for word in
             ("--scenario", f"{name}:constant-arrival-rate:rate=10/s,duration=1s{',start_after=a' if name != 'a' else ''}")]
    shown = run(tmp_path, *three, "--scenario-only", "b", "--show-plan")
    assert shown.code == 0 and re.fullmatch(r"b: constant-arrival-rate of Buyer, 10/s, for 1s: 10 arrivals; .*\n", shown.stdout), shown.describe()
    assert "; users 10 to 100" in shown.stdout, shown.describe()
    shown = run(tmp_path, *three, "--scenario-only", "b", "--fresh-user", "--show-plan")
    assert "; a new user each, at most 100 at a time" in shown.stdout, shown.describe()
    shown = run(tmp_path, *three, "--scenario-only", "c", "--scenario-only", "a", "--show-plan")
    assert [line[:2] for line in shown.stdout.splitlines()] == ["a:", "c:"] and ", beginning after 1s" in shown.stdout, shown.describe()


FRESH = USERS.replace("    def log(", '''    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.visits = 0
    def on_stop(self):
        self.log("on_stop")
    def log(''').replace("        self.log(\"buy\")", "        self.visits += 1\n        self.log(f\"buy {self.visits}\")")


@pytest.mark.parametrize("more", [[], ["--processes", 2]], ids=["local", "distributed"])
def test_each_arrival_may_be_a_user_of_its_own(tmp_path, more):
    """Its on_start, one task and its on_stop are the iteration; those that still wait at the end began nothing."""
    ended = run(tmp_path, *more, "--scenario", "buy:constant-arrival-rate:rate=50/s,duration=2s,fresh=true,task=buy,max_queue=1000", source=FRESH)
    started = number(ended, "started")
    assert ended.code == 0 and number(ended, "due") == 100 == started + number(ended, "cut") and started > 0, ended.describe()
    assert [len(stamps(tmp_path, word)) for word in ("on_start", "buy", "buy 1", "on_stop")] == [started] * 4, ended.describe()


TWO = USERS + '''
class Browser(Buyer):
    def on_start(self):
        self.log("browser")
Buyer.tasks, Browser.tasks = [Buyer.buy], [Browser.look]
'''


@pytest.mark.parametrize("fresh", ["false", "true"])
def test_a_scenario_may_be_of_several_classes_with_weights(tmp_path, fresh):
    """Which of them does an arrival is its own chance: three of four are Buyers, but for chance."""
    ended = run(tmp_path, "--scenario", f"mix:constant-arrival-rate:rate=200/s,duration=2s,class=Buyer*3+Browser,fresh={fresh},max_queue=1000",
                source=TWO)
    buys, looks = len(stamps(tmp_path, "buy")), len(stamps(tmp_path, "look"))
    assert ended.code == 0 and number(ended, "due") == 400 == number(ended, "started") + number(ended, "cut"), ended.describe()
    assert buys + looks == number(ended, "started") > 0 and abs(buys - 0.75 * (buys + looks)) <= 5 * (0.1875 * (buys + looks)) ** 0.5, (buys, looks)
    if fresh == "true":
        assert len(stamps(tmp_path, "browser")) == looks and len(stamps(tmp_path, "on_start")) == buys, ended.describe()
    else:
        assert len(stamps(tmp_path, "browser")) == len(stamps(tmp_path, "on_start")) > 0, ended.describe()


def test_classes_of_which_none_is_to_come_are_refused(tmp_path):
    source = TWO + "Buyer.weight = Browser.weight = 0\nBuyer.fixed_count = Browser.fixed_count = 1\n"
    ended = run(tmp_path, "--scenario", "mix:constant-arrival-rate:rate=20/s,duration=1s,class=Buyer+Browser", source=source)
    assert ended.code == 2 and "scenario 'mix': all of its classes have the weight 0" in ended.stderr, ended.describe()
    ended = run(tmp_path, "--scenario", "mix:constant-arrival-rate:rate=20/s,duration=1s,class=Buyer*2+Browser", source=source)
    assert ended.code == 0 and len(stamps(tmp_path, "buy")) == 20 and not stamps(tmp_path, "look"), ended.describe()


@pytest.mark.parametrize("fresh", ["false", "true"])
def test_chance_chooses_the_same_classes_on_any_number_of_workers(tmp_path, fresh):
    plan = f"mix:constant-arrival-rate:rate=100/s,duration=2s,class=Buyer+Browser,seed=3,max_queue=1000,fresh={fresh}"
    seen = []
    for more in ([], ["--processes", 2]):
        ended = run(tmp_path, *more, "--scenario", plan, source=TWO)
        if number(ended, "started") == 200:
            seen.append(len(stamps(tmp_path, "buy")))
        (tmp_path / "stamps").unlink()
    assert len(set(seen)) <= 1 and all(0 < n < 200 for n in seen), seen


DROPS = "buy:constant-arrival-rate:rate=20/s,duration=1s,users=1,on_busy=drop,task=buy,graceful_stop=0"
K6S = USERS + '''
thresholds = {"dropped_iterations": ["count<1"], "dropped_iterations{scenario:buy}": ["count<2"]}
'''


def test_thresholds_of_dropped_iterations_are_of_those_that_found_no_user(tmp_path):
    """Without a scenario there are none, which is no lack of data; of a scenario that is not there nothing is known."""
    ended = run(tmp_path, "--scenario", DROPS, "--threshold", "dropped == 19", source=K6S, nap=30)
    assert number(ended, "dropped") == 19 and ended.code == 99, ended.describe()
    assert len(re.findall(r"^THRESHOLD fail .*dropped_iterations.* 19 ", ended.stderr, re.MULTILINE)) == 2, ended.describe()
    ended = run(tmp_path, "--threshold", "dropped < 1", "-u", 1, "-t", 1, source=K6S)
    assert ended.code == 99, ended.describe()
    assert sorted(re.findall(r"^THRESHOLD +(pass|fail|no data)", ended.stderr, re.MULTILINE)) == ["no data", "pass", "pass"], ended.describe()


def test_a_threshold_ends_one_scenario(tmp_path):
    """It has failed, and the run with it; the other scenario goes on to its end."""
    ended = run(tmp_path, "--scenario", "buy:constant-arrival-rate:rate=50/s,task=buy", "--scenario", "look:constant-arrival-rate:rate=50/s,duration=5s,task=look",
                "--threshold", "count of iterations_started{scenario:buy} < 20, stop=buy")
    assert ended.code == 99 and "Scenario 'buy' is stopped by threshold count of iterations_started" in ended.stderr, ended.describe()
    assert ", stopped buy" in ended.stderr and "stopped the test" not in ended.stderr, ended.describe()
    assert 20 <= number(ended, "started", "buy") == len(stamps(tmp_path, "buy")) < 250 == number(ended, "due", "look"), ended.describe()


@pytest.mark.parametrize("name, words", [("sell", "there is no scenario 'sell'"), ("import", "scenario 'import' is of so many iterations")])
def test_a_threshold_that_can_end_nothing_is_refused(tmp_path, name, words):
    ended = run(tmp_path, "--scenario", "import:shared-iterations:iterations=9", "--threshold", f"p95 < 1s, stop={name}")
    assert ended.code == 2 and words in ended.stderr, ended.describe()


OF_FILE = USERS + '''
from katydid.load import Arrivals, scenario_of
def checkout(user):
    user.log("checkout")
class Other(User):
    arrival_rate = "50/s"
    @task
    def other(self):
        Buyer.log(self, "other {0.name} {0.env[A]} {0.tags[kind]}".format(scenario_of(self)).replace(" ", "_"))
options = {"scenarios": {
    "k6": {"executor": "constant-arrival-rate", "rate": 20, "timeUnit": "1s", "duration": 1000, "preAllocatedVUs": 20, "exec": "look"},
    "ramp": {"executor": "ramping-arrival-rate", "stages": [{"duration": "1s", "target": 20}], "preAllocatedVUs": 20, "class": "Buyer",
             "exec": "checkout", "on_busy": "grow"},
}}
scenarios = {
    "own": Arrivals(Buyer, rate="20/s", duration=0.5, task=Buyer.buy, start_after="ramp"),
    "Other": Arrivals(Other, rate="20/s", duration=1, env={"A": "1,2"}, tags={"kind": "x"}),
}
'''


@pytest.mark.parametrize("more", [[], ["--processes", 2]], ids=["local", "distributed"])
def test_scenarios_of_the_locustfile_run_side_by_side(more, tmp_path):
    ended = run(tmp_path, *more, source=OF_FILE)
    assert ended.code == 0, ended.describe()
    for name, due, word in (("k6", 21, "look"), ("ramp", 10, "checkout"), ("own", 10, "buy"), ("Other", 20, "other_Other_1,2_x")):
        started, *rest = (number(ended, what, name) for what in ("started", "dropped", "cut"))
        assert number(ended, "due", name) == due == started + sum(rest) and started == len(stamps(tmp_path, word)) > 0, ended.describe()


def test_the_plan_of_a_locustfile_is_shown(tmp_path):
    ended = run(tmp_path, "--show-plan", source=OF_FILE)
    assert ended.code == 0, ended.describe()
    assert [line.partition(",")[0] for line in ended.stdout.splitlines()] == [
        "k6: constant-arrival-rate of Buyer.look", "ramp: ramping-arrival-rate of Buyer.checkout", "own: constant-arrival-rate of Buyer.buy",
        "Other: constant-arrival-rate of Other"], ended.describe()
    assert "own: constant-arrival-rate of Buyer.buy, 20/s, for 0.5s: 10 arrivals, beginning after 1s;" in ended.stdout, ended.describe()
    replaced = run(tmp_path, "--show-plan", "--scenario", "mine:constant-arrival-rate:rate=1/s,exec=Other", source=OF_FILE)
    assert re.match(r"mine: constant-arrival-rate of Other, 1/s, .*\n\Z", replaced.stdout), replaced.describe()


@pytest.mark.parametrize("line, words", [
    ('{"a": {"executor": "constant-arrival-rate", "rate": 1, "vus": 3}}', "scenario 'a': there is no key 'vus'"),
    ('{"a": {"executor": "constant-arrival-rate", "rate": 1}, "b": 3}', "scenario 'b': 3 is no scenario"),
    ('{"a": {"executor": "constant-arrival-rate", "rate": 1, "exec": "nobody"}}', "scenario 'a': it is for one User class: give class="),
    ('{"a": {"executor": "constant-arrival-rate", "rate": 1, "duration": "30"}}', "scenario 'a': duration=30 needs a unit, such as 30s"),
])
def test_a_wrong_scenario_of_the_locustfile_is_refused_by_name(line, words, tmp_path):
    ended = run(tmp_path, source=f"{USERS}\nclass Second(Buyer):\n    pass\nscenarios = {line}\n")
    assert ended.code == 2 and words in ended.stderr, ended.describe()


def test_users_that_loop_end_with_their_scenario(tmp_path):
    ended = run(tmp_path, "--scenario", "few:constant-vus:users=2,duration=1s,task=buy", "--scenario", "more:ramping-vus:stages=1s:3,task=look")
    assert ended.code == 0 and "--run-time limit reached" in ended.stderr, ended.describe()
    assert len(stamps(tmp_path, "on_start")) <= 5 and "iterations_" not in ended.stderr, ended.describe()


def test_each_worker_has_its_share_of_the_users_and_all_when_it_is_left_alone(tmp_path):
    with locustfile(USERS) as file, katydid("-f", file, "--headless", "--only-summary", "--processes", 2, "-t", "60", "--stages",
                                            "1s:5,forever:5", env={"STAMPS": str(tmp_path / "stamps")}) as process:
        def alive(but=None):
            return [pid for _, pid, _ in stamps(tmp_path, "on_start") if pid != but]

        wait_for(lambda: len(alive()) >= 5, "five users")
        counts = sorted(alive().count(pid) for pid in set(alive()))
        assert counts == [2, 3] and sum(counts) == 5, counts
        victim = alive()[0]
        assert int(victim) in children(process.pid)
        os.kill(int(victim), 9)
        wait_for(lambda: len(alive(victim)) == 5, "the other worker to have all five")


def test_users_and_spawn_rate_of_the_command_line_are_those_of_scenarios_of_users(tmp_path):
    """Several share them in proportion; the others stay as they are."""
    plans = ("--scenario", "few:constant-vus:users=2,duration=1s", "--scenario", "more:constant-vus:users=6,duration=1s,spawn_rate=1",
             "--scenario", "own:ramping-vus:stages=1s:3", "--scenario", "rate:constant-arrival-rate:rate=1/s,duration=2s")
    shown = run(tmp_path, *plans, "-u", 20, "-r", 8, "--show-plan")
    lines = dict(line.split(": ", 1) for line in shown.stdout.splitlines())
    assert lines["few"].startswith("constant-vus of Buyer, 0 → 5 in 2.5s users, for 3.5s"), shown.describe()
    assert lines["more"].startswith("constant-vus of Buyer, 0 → 15 in 2.5s users, for 3.5s"), shown.describe()
    assert lines["own"].startswith("ramping-vus of Buyer, 0 → 3 in 1s"), shown.describe()
    assert "Scenario 'more' has 15 users, by --users and --spawn-rate" in shown.stderr, shown.describe()
    ended = run(tmp_path, "-u", 5, "--scenario", "few:constant-vus:users=2,duration=1s")
    assert ended.code == 0 and len(stamps(tmp_path, "on_start")) == 5, ended.describe()
    ended = run(tmp_path, *plans, "-u", 1)
    assert ended.code == 2 and "--users and --spawn-rate: scenario 'few' would have no user" in ended.stderr, ended.describe()


def test_a_run_begins_with_a_later_stage(tmp_path):
    plan = "buy:ramping-arrival-rate:stages=1h:100/s,2s:50/s,1s:0/s,task=buy"
    ended = run(tmp_path, "--scenario", plan, "--from-stage", 2)
    assert ended.code == 0 and number(ended, "due") == 175 == number(ended, "started") + number(ended, "cut"), ended.describe()
    shown = run(tmp_path, "--scenario", plan, "--stages", "1m:10,1m:20", "--from-stage", "stages=2", "--show-plan")
    assert "0/s → 100/s in 1h" in shown.stdout and "stages: ramping-vus of Buyer, 10 → 20 in 1m users, for 1m" in shown.stdout, shown.describe()


def test_each_worker_has_its_share_of_the_users_of_each_scenario(tmp_path):
    """So many as were asked for, whatever other scenarios have."""
    pair = [word for name in ("Buyer", "Browser") for word in
            ("--scenario", f"{name}:constant-arrival-rate:class={name},rate=20/s,duration=1s,users=2,on_busy=queue,max_queue=1000")]
    ended = run(tmp_path, "--processes", 2, *pair, source=TWO)
    for word in ("on_start", "browser"):
        assert len(stamps(tmp_path, word)) == 2 == len({pid for _, pid, _ in stamps(tmp_path, word)}), ended.describe()
    for word, name in (("buy", "Buyer"), ("look", "Browser")):
        assert number(ended, "due", name) == 20 == number(ended, "started", name) + number(ended, "cut", name), ended.describe()
        assert len(stamps(tmp_path, word)) == number(ended, "started", name), ended.describe()


@pytest.mark.parametrize("users", [1, 2])
def test_fewer_users_than_workers_start_all_arrivals(tmp_path, users):
    ended = run(tmp_path, "--processes", 3, "--scenario", f"buy:constant-arrival-rate:rate=20/s,duration=1s,users=1,max_users={users},max_queue=1000,task=buy")
    assert number(ended, "due") == 20 == len(stamps(tmp_path, "buy")), ended.describe()
    assert 1 <= len(stamps(tmp_path, "on_start")) <= users, ended.describe()


def test_a_worker_that_comes_takes_its_share_of_the_users(tmp_path):
    """There are no more of them than before: those of the first one that are too many end."""
    port, web, env = free_port(), free_port(), {"STAMPS": str(tmp_path / "stamps")}
    with locustfile(USERS) as file, katydid("-f", file, "--master", "--master-bind-port", port, "--web-port", web, "--autostart", "--expect-workers", 1, "--scenario",
                                            "buy:constant-arrival-rate:rate=50/s,users=9,on_busy=queue,max_queue=1000") as master:
        def one():
            return get_json(f"http://127.0.0.1:{web}/api/v1/scenarios")["scenarios"][0]

        def count(word, pid):
            return sum(int(each) == pid for _, each, _ in stamps(tmp_path, word))

        with katydid("-f", file, "--worker", "--master-port", port, env=env) as first:
            wait_for(lambda: stamps(tmp_path, "on_start") and one()["users"] == 9, "nine users")
            with katydid("-f", file, "--worker", "--master-port", port, env=env) as second:
                def pids():
                    return [int(pid) for _, pid, _ in stamps(tmp_path, "on_start")]

                wait_for(lambda: len(pids()) >= 13 and one()["users"] == 9, "nine users of both")
                busy = count("buy", pids()[-1])
                wait_for(lambda: count("buy", pids()[-1]) > busy + 20, "the second one to start its share")
                assert sorted(Counter(pids()).values()) in ([4, 9], [5, 9]), pids()
                assert one()["dropped"] == 0 and "Traceback" not in first.stderr + second.stderr + master.stderr, master.describe()


def test_what_a_worker_that_leaves_was_to_start_others_start(tmp_path):
    """It told all that it did: nothing is lost, and nothing done twice."""
    port, env = free_port(), {"STAMPS": str(tmp_path / "stamps")}
    with locustfile(USERS) as file, katydid("-f", file, "--master", "--master-bind-port", port, "--headless", "--only-summary", "--expect-workers", 2, "--scenario",
                                            "buy:constant-arrival-rate:rate=100/s,duration=6s,max_queue=1000,task=buy") as master:
        with katydid("-f", file, "--worker", "--master-port", port, env=env), katydid("-f", file, "--worker", "--master-port", port, env=env) as second:
            wait_for(lambda: len({pid for _, pid, _ in stamps(tmp_path, "buy")}) == 2, "both workers to start iterations")
            second.signal(signal.SIGTERM)
            assert second.wait() == 0, second.describe()
            assert master.wait() == 0, master.describe()
    assert number(master, "due") == 600 == number(master, "started") + number(master, "cut"), master.describe()
    assert len(stamps(tmp_path, "buy")) == number(master, "started") and not number(master, "repeated") + number(master, "lost"), master.describe()


FILES = {
    "a.toml": """
[scenarios.buy]
executor = "ramping-arrival-rate"
startRate = 5
stages = [
  {duration = "2m", target = 10},
  {duration = 1500, target = 0},
]
preAllocatedVUs = 3
env = {SHOP = "north"}
[scenarios.look]
executor = "constant-arrival-rate"
rate = "20/s"
start_after = "buy"
""",
    "a.json": """{"buy": {"executor": "ramping-arrival-rate", "startRate": 5, "preAllocatedVUs": 3,
        "stages": [{"duration": "2m", "target": 10}, {"duration": 1500, "target": 0}], "env": {"SHOP": "north"}},
        "look": {"executor": "constant-arrival-rate", "rate": "20/s", "start_after": "buy"}}""",
}


RANDOM = USERS + '''
import random
class Drawing(User):
    log = Buyer.log
    @task
    def one(self):
        self.log(f"one {random.random():.12f} {random.randint(1, 10**9)}".replace(" ", "_"))
    @task
    def two(self):
        self.log(f"two {random.random():.12f} {random.randint(1, 10**9)}".replace(" ", "_"))
'''


def test_a_seed_repeats_tasks_and_random_on_any_number_of_workers(tmp_path):
    def drawn(*more):
        (tmp_path / "stamps").unlink(missing_ok=True)
        ended = run(tmp_path, *more, "--scenario", "a:constant-arrival-rate:rate=50/s,duration=1s,class=Drawing", source=RANDOM)
        assert ended.code == 0, ended.describe()
        return sorted(word for word, *_ in stamps(tmp_path, ("one", "two")))

    alone = drawn("--seed", 7)
    assert len(alone) == len(set(alone)) == 50 and {word[:3] for word in alone} == {"one", "two"}, alone
    assert drawn("--seed", 7, "--processes", 2) == alone
    assert drawn("--seed", 8) != alone and drawn() != alone


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_scenarios(name, tmp_path):
    (tmp_path / name).write_text(FILES[name])
    ended = run(tmp_path, "--show-plan", "--scenarios", tmp_path / name)
    assert ended.stdout.splitlines() == [
        "buy: ramping-arrival-rate of Buyer, 5/s → 10/s in 2m → 0/s in 1.5s, for 2m1.5s: 907 arrivals, at k6's times; users 3 to 3, "
        "then dropped; 30s to finish",
        "look: constant-arrival-rate of Buyer, 20/s, until the test ends, beginning after 2m1.5s, at k6's times; users 10 to 10, "
        "then dropped; 30s to finish"], ended.describe()


def test_a_rate_is_enough(tmp_path):
    shown = run(tmp_path, "--show-plan", "--rate", "20/s")
    assert shown.stdout.startswith("rate: constant-arrival-rate of Buyer, 20/s, until the test ends;"), shown.describe()
    shown = run(tmp_path, "--show-plan", "--rate-ramp", "10/s..200/s:2m")
    assert shown.stdout.startswith("rate: ramping-arrival-rate of Buyer, 10/s → 200/s in 2m → 200/s in 0s, until"), shown.describe()
    shown = run(tmp_path, "--show-plan", "--rate-ramp", "10/s..200/s:2m", "--rate", "300/m")
    assert "200/s in 2m → 5/s in 0s, until the test ends" in shown.stdout, shown.describe()
    ended = run(tmp_path, "--rate", "50/s", "-t", "1")
    assert ended.code == 0 and number(ended, "due") > 0, ended.describe()
    assert number(ended, "due") == sum(number(ended, what) for what in ("started", "dropped", "cut")), ended.describe()


def test_the_same_file_runs_under_stock_locust(tmp_path):
    shutil.copytree(ROOT / "worker" / "pylib" / "katydid", tmp_path / "katydid")
    (tmp_path / "locustfile.py").write_text(OF_FILE)
    with Process([STOCK_LOCUST, "-f", "locustfile.py", "--headless", "-u", "2", "-r", "2"], cwd=tmp_path,
                 env={"STAMPS": str(tmp_path / "stamps")}) as stock:  # not -t: its time would begin before stock has loaded
        wait_for(lambda: stamps(tmp_path, "other__1,2_x"), "a user at its task")
        stock.signal(signal.SIGTERM)
        assert stock.wait() == 0 and "Traceback" not in stock.stderr, stock.describe()


def test_the_plan_is_shown_and_nothing_starts(tmp_path):
    ended = run(tmp_path, "--show-plan", KATYDID_SCENARIOS="buy:constant-arrival-rate:rate=20/s,duration=5m")
    assert ended.code == 0 and not stamps(tmp_path, "on_start"), ended.describe()
    assert ended.stdout == ("buy: constant-arrival-rate of Buyer, 20/s, for 5m: 6000 arrivals; users 10 to 200, then 20 wait, then "
                            "dropped; 30s to finish\n"), ended.describe()


def test_a_test_without_scenarios_is_as_before(tmp_path):
    ended = run(tmp_path, "-u", 2, "-r", 2, "-t", 1)
    assert ended.code == 0 and len(stamps(tmp_path, "on_start")) == 2, ended.describe()
    assert "iterations_" not in ended.stderr and "start_delay" not in ended.stderr, ended.describe()


def test_the_report_file_has_plans_figures_and_courses(tmp_path):
    page = tmp_path / "report.html"
    ended = run(tmp_path, "--html", page, "--scenario", "buy:ramping-arrival-rate:start_rate=50/s,stages=1s:50/s,0s:20/s,1s:20/s,task=buy")
    block = re.search(r'id="katydid-report">([^<]+)<', page.read_text())[1]
    report = json.loads(gzip.decompress(base64.b64decode(block)))
    told, = report["scenarios"]["scenarios"]
    assert told["stages"] == [[1, 50, 50], [0, 50, 20], [1, 20, 20]] and told["arrivals"] == 70, ended.describe()
    assert told["due"] == 70 == told["started"] + told["dropped"] + told["cut"], told
    assert report["scenarios"]["begun"] >= report["hello"]["started"] - 1 and told["rate"] == 0, report["scenarios"]
    courses = dict(zip((one["metric"] for one in report["metrics"]["series"]), report["metrics"]["courses"]))
    assert sum(point[3] for point in courses["iterations_due"]["points"]) == 70, courses


def test_steps_have_the_names_they_have_elsewhere(tmp_path):
    (tmp_path / "steps.toml").write_text("""[wave]
executor = "ramping-arrival-rate"
stages = ["atOnceUsers(5)", "sine(20).amplitude(10).period(1s).during(2s)", {duration = "1s", target = 0}]
on_busy = "grow"
distribution = "uniform"
""")
    ended = run(tmp_path, "--scenarios", tmp_path / "steps.toml")
    assert number(ended, "due") == number(ended, "started") == len(stamps(tmp_path, "buy")) + len(stamps(tmp_path, "look")) == 55, ended.describe()


def test_a_file_of_times_is_replayed(tmp_path):
    (tmp_path / "times.csv").write_text("at,path\n1700000000.5,/a\n1700000000.25,/b\n\n# two at once\n1700000001.0,/c\n1700000001.0,/d\n")
    (tmp_path / "times.jsonl").write_text('{"t": 0.5, "url": "/"}\n{"method": "GET", "t": 1.5}\n')
    ended = run(tmp_path, "--show-plan", "--stages", f"replay({tmp_path}/times.csv).speed(2)")
    assert re.search(r"4 at times of a list in 0\.375s, for 0\.375s: 4 arrivals", ended.stdout), ended.describe()
    ended = run(tmp_path, "--stages", f"replay({tmp_path}/times.csv)", "--scenario",
                f"more:ramping-arrival-rate:stages=replay({tmp_path}/times.jsonl),start_after=stages")
    assert (number(ended, "started", "stages"), number(ended, "started", "more")) == (4, 2), ended.describe()
    (tmp_path / "times.csv").write_text("0.5\n1.x\n")
    (tmp_path / "late.csv").write_text("0.5\n1e300\n")
    for path, words in ((f"{tmp_path}/late.csv", "late.csv: 1e+300 s is too late"), (f"{tmp_path}/times.csv", "times.csv:2: no time"), ("/nowhere", "No such file"), (tmp_path, "Is a directory"), ("/dev/zero", "longer than")):
        ended = run(tmp_path, "--stages", f"replay({path})")
        assert ended.code == 2 and "--stages: replay: " in ended.stderr and words in ended.stderr, ended.describe()


DRAWS = """
import random
from locust import User, between, task
log = {}
class Clerk(User):
    def on_start(self):
        self.number = len(log)
        log[self.number] = []
    def wait_time(self):
        seconds = between(0.001, 0.01)(self)
        self.say(f"wait {seconds}")
        return seconds
    def say(self, words):
        if len(log[self.number]) < 12:
            log[self.number].append(words)
        elif len(log) == 4 and all(len(words) == 12 for words in log.values()):
            log["told"] = []
            print("DRAWN", [log[number] for number in range(4)])
            self.environment.runner.quit()
    @task(3)
    def read(self):
        self.say(f"read {random.random()}")
    @task
    def write(self):
        self.say(f"write {random.choice('abcdefgh')}")
        if random.random() < 0.3:
            raise ValueError("no")
"""


@pytest.mark.parametrize("load", [("-u", 4, "-r", 4), ("--scenario", "clerks:constant-vus:users=4")])
def test_with_a_seed_users_that_loop_draw_the_same(tmp_path, load):
    def drawn(*seed):
        ended = run(tmp_path, *load, *seed, "-t", 60, source=DRAWS)
        found = re.search(r"^DRAWN (.*)$", ended.stdout + ended.stderr, re.MULTILINE)
        assert found, ended.describe()
        return found[1]

    first = drawn("--seed", 5)
    assert first == drawn("--seed", 5) and len(set(re.findall(r"read (\S+)'", first))) > 4
    assert first != drawn("--seed", 6) and first != drawn()


NUMBERED = USERS + '''
from katydid.load import scenario_of
class Buyer(Buyer):
    def on_start(self):
        if type(self).__name__ == "Buyer":
            self.log(f"begun-{scenario_of(self).iteration_in_test}")
    @task
    def numbered(self):
        number = scenario_of(self).iteration_in_test
        time.sleep(0.01)  # others' begin
        assert scenario_of(self).iteration_in_test == number
        self.log(f"number-{scenario_of(self).name}-{number}")
'''


@pytest.mark.parametrize("more", [[], ["--processes", 3]], ids=["one worker", "three"])
def test_a_user_knows_which_arrival_it_is(more, tmp_path):
    ended = run(tmp_path, *more, "--scenario", "a:constant-arrival-rate:rate=100/s,duration=1s,task=numbered", "--scenario",
                "b:constant-arrival-rate:rate=30/s,duration=1s,task=numbered,fresh=true", "--scenario",
                "c:constant-vus:users=1,duration=1s,task=numbered", source=NUMBERED)
    assert ended.code == 0 and "AssertionError" not in ended.stderr, ended.describe()
    words = [line.split()[0] for line in (tmp_path / "stamps").read_text().splitlines()]
    assert {word for word in words if word.startswith("begun")} <= {"begun-None"} | {f"begun-{n}" for n in range(30)}, "of a fresh user it is its arrival's"
    for name, due in ("a", 100), ("b", 30):
        numbers = [int(word.rsplit("-", 1)[1]) for word in words if word.startswith(f"number-{name}-")]
        assert len(numbers) == number(ended, "started", name) and len(set(numbers)) == len(numbers) and set(numbers) <= set(range(due)), (name, sorted(numbers))
        assert len(numbers) == due or number(ended, "dropped", name) + number(ended, "cut", name) > 0, (name, ended.describe())
    assert {word for word in words if word.startswith("number-c-")} == {"number-c-None"}, "it has no arrivals"


TURNS = '''
import os, gevent
from locust import HttpUser, task
class Buyer(HttpUser):
    @task
    def buy(self):
        turns.append(gevent.get_hub().loop.iteration)
        self.client.get("/")
    def on_stop(self):
        with open(os.environ["STAMPS"], "w") as file:
            file.write(f"{len(turns)} {len(set(turns))}")
turns = []
'''


def test_arrivals_next_to_one_another_start_in_one_turn_of_the_loop(tmp_path):
    """Those within 0.3 ms, whoever takes them: 2,500 turns of a second, and some more, where each arrival by itself has 5,000."""
    with target() as server:
        ended = run(tmp_path, "-H", server.url, "--scenario", "buy:constant-arrival-rate:rate=5000/s,duration=1s,users=100", source=TURNS)
    assert ended.code == 0, ended.describe()
    started, turns = map(int, (tmp_path / "stamps").read_text().split())
    assert started == number(ended, "started") and turns < 0.58 * started, (started, turns, ended.describe())
