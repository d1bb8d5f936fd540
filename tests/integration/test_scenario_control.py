# SPDX-License-Identifier: MIT
"""Scenarios that are changed while they run: how many iterations there are follows from the plan, whenever the changes came."""

import json
import re
import time
from urllib.parse import quote

import pytest

from harness import free_port, get_json, katydid, locustfile, wait_for
from stamped import number
from test_arrival_truth import queue, truth
from test_web import command

USERS = """
    from locust import User, constant, task

    class Buyer(User):
        wait_time = constant(0.1)

        @task
        def buy(self):
            pass
"""


def scenario(url, name):
    return next(each for each in get_json(url + "/api/v1/scenarios")["scenarios"] if each["name"] == name)


def change(url, expected=200, **fields):
    status, text, _ = command(url, "scenario", fields)
    assert status == expected, (fields, status, text)
    return json.loads(text)


def arrivals(one):
    """Of its plan: as many as half numbers lie within the area of its stages; one at the very end may count as beyond it."""
    area = sum(length * (begin + end) / 2 for length, begin, end in one["stages"])
    count = int(re.search(r": ([\d,]+) arrivals", one["plan"])[1].replace(",", ""))
    assert abs(count - area) < 0.5 + 1e-6, one
    return count


@pytest.mark.parametrize("processes", [0, 2], ids=["local", "distributed"])
def test_rate_and_pause_of_a_scenario_and_users_of_another(processes):
    port = free_port()
    more = ["--processes", processes] if processes else []
    with locustfile(USERS) as file, katydid("-f", file, "--autostart", "--web-port", port, *more, "--scenario",
                                            "a:constant-arrival-rate:rate=20/s,duration=8s", "--scenario", "b:externally-controlled:vus=1") as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        wait_for(lambda: scenario(url, "a")["started"] > 0, "the first iterations")
        change(url, name="a", rate="200/s")
        change(url, name="b", users=4)
        assert change(url, 400, name="nobody", rate=1)["field"] == "name"
        assert change(url, 400, name="a", users=1)["field"] == "rate"
        assert change(url, 400, name="a", rate="fast")["field"] == "rate"
        wait_for(lambda: scenario(url, "b")["users"] == 4 and scenario(url, "a")["started"] >= 100, "more iterations, and users")
        change(url, name="a", paused=True)
        assert change(url, 400, name="a", rate=5)["field"] == "paused"
        wait_for(lambda: scenario(url, "a")["level"] == 0, "the pause")
        paused = scenario(url, "a")
        assert paused["is_paused"] and paused["length_s"] is None, paused
        change(url, name="a", paused=False)
        change(url, name="b", users=1)
        wait_for(lambda: scenario(url, "b")["users"] == 1, "users to go")
        one = scenario(url, "a")
        count = arrivals(one)
        assert one["length_s"] > 8 and count > 200, one
        wait_for(lambda: scenario(url, "a")["due"] == count, "all arrivals of the plan")
        done = scenario(url, "a")
        assert done["due"] == done["started"] + done["dropped"] + done["cut"] + done["waiting"], done
        told = [event["text"] for event in get_json(url + "/api/v1/events")["events"] if event["kind"] == "scenario"]
        assert told == ["Rate of a: 20/s → 200/s", "Users of b: 1 → 4", "Rate of a: 200/s → paused", "Rate of a: paused → 200/s", "Users of b: 4 → 1"], told
        assert "Traceback" not in master.stderr, master.describe()


def test_one_scenario_is_ended_and_the_test_ends_with_the_last():
    port = free_port()
    with locustfile(USERS) as file, katydid("-f", file, "--autostart", "--autoquit", 0, "--web-port", port, "--scenario", "a:constant-arrival-rate:rate=50/s",
                                            "--scenario", "b:constant-arrival-rate:rate=50/s,duration=1h", "--scenario", "c:constant-vus:users=2",
                                            "--scenario", "d:constant-arrival-rate:rate=50/s,duration=1s,start_after=b") as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        wait_for(lambda: scenario(url, "a")["started"] > 0 and scenario(url, "b")["started"] > 0 and scenario(url, "c")["level"] == 2, "the first iterations")
        assert change(url, 400, name="a", ended=False)["field"] == "rate"
        change(url, name="a", paused=True)
        change(url, name="a", ended=True)
        change(url, name="c", ended=True)
        wait_for(lambda: scenario(url, "c")["level"] == 0 and scenario(url, "a")["length_s"] is not None, "both to end")
        for _ in range(2):  # what was due before is told by then
            due, others = scenario(url, "a")["due"], scenario(url, "b")["due"]
            wait_for(lambda so_far=others: scenario(url, "b")["due"] > so_far + 100, "the other to go on")
        assert scenario(url, "a")["due"] == due
        told = [event["text"] for event in get_json(url + "/api/v1/events")["events"] if event["kind"] == "scenario"]
        assert told[-1] == "Users of c: 2 → ended", told
        change(url, name="b", ended=True)
        assert master.wait() == 0, master.describe()
        assert number(master, "due", "d") == 50 == number(master, "started", "d") + number(master, "cut", "d"), master.describe()


def test_users_are_made_ahead_of_a_high_rate():
    """As many as are due in 25 ms are to be free, whatever was made before the start; they are there long before the first arrival."""
    port = free_port()
    with locustfile(USERS) as file, katydid("-f", file, "--autostart", "--web-port", port, "--scenario",
                                            "a:constant-arrival-rate:rate=1200/s,start_time=1h,duration=1s,users=1,max_users=500") as master:
        master.wait_line("Starting web interface")
        wait_for(lambda: scenario(f"http://127.0.0.1:{port}", "a")["users"] >= 30, "30 users")


def test_the_next_run_begins_with_what_was_given():
    port = free_port()
    with locustfile(USERS) as file, katydid("-f", file, "--autostart", "--web-port", port, "--scenario", "a:constant-arrival-rate:rate=20/s") as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        wait_for(lambda: scenario(url, "a")["started"] > 0, "the first iterations")
        change(url, name="a", rate="50/s")
        assert scenario(url, "a")["executor"] == "ramping-arrival-rate"
        assert command(url, "stop", {})[0] == 200
        wait_for(lambda: get_json(url + "/api/v1/state")["state"] == "stopped", "its end")
        assert command(url, "start", {"users": 1, "spawn_rate": 1})[0] == 200
        wait_for(lambda: scenario(url, "a")["started"] > 0, "the first iterations of the next run")
        assert scenario(url, "a")["executor"] == "constant-arrival-rate", master.describe()


LOGGED = """
    import os, time
    from locust import User, task

    class Buyer(User):
        @task
        def buy(self):
            with open(os.environ["STAMPS"], "a") as file:
                file.write(f"{time.clock_gettime(time.CLOCK_MONOTONIC):.6f}\\n")
"""


def due_at(stages, n):
    """When the integral of the rate is n + ½, seconds after the begin."""
    wanted, at = n + 0.5, 0.0
    for length, begin, end in stages:
        area = length * (begin + end) / 2
        if wanted <= area:
            slope = (end - begin) / length
            return at + (wanted / begin if slope == 0 else (-begin + (begin**2 + 2 * slope * wanted) ** 0.5) / slope)
        wanted, at = wanted - area, at + length
    raise AssertionError(f"arrival {n} is not in {stages}")


@pytest.mark.parametrize("processes", [0, 2], ids=["local", "distributed"])
def test_what_the_target_sees_follows_the_slider(processes, tmp_path):
    """Not one start before its time, so no burst; all of them, so no gap. How late they are is the machine's."""
    port, log = free_port(), tmp_path / "stamps"
    more = ["--processes", processes] if processes else []
    with locustfile(LOGGED) as file, katydid("-f", file, "--autostart", "--web-port", port, *more, "--scenario", "a:constant-arrival-rate:rate=20/s",
                                             env={"STAMPS": str(log)}) as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        for least, fields in (10, {"rate": "150/s"}), (150, {"rate": "30/s"}), (170, {"stages": [["500ms", "90/s"], ["1s", 10], [0, "40/s"], [1, "40/s"]]}):
            wait_for(lambda least=least: scenario(url, "a")["started"] >= least, f"{least} starts")
            change(url, name="a", **fields)
        assert change(url, 400, name="a", stages="1m:fast")["field"] == "stages"
        assert change(url, 400, name="a", stages="1m:5/s,class=Other")["field"] == "stages"
        assert change(url, 400, name="a", stages="1m:5/s", rate=3)["field"] == "rate"
        told = get_json(url + "/api/v1/scenarios")
        now, stages = time.monotonic() - time.time(), told["scenarios"][0]["stages"]
        count = arrivals(told["scenarios"][0])
        wait_for(lambda: scenario(url, "a")["started"] == count, "all of them")
        stamps = sorted(float(line) for line in log.read_text().splitlines())
        assert len(stamps) == count, master.describe()
        early = [(n, at) for n, stamp in enumerate(stamps) if (at := stamp - now - told["begun"] - due_at(stages, n)) < -0.05]
        assert not early, early[:5]
        events = [event["text"] for event in get_json(url + "/api/v1/events")["events"] if event["kind"] == "scenario"]
        assert events == ["Rate of a: 20/s → 150/s", "Rate of a: 150/s → 30/s", "Stages of a: 30/s, 500ms:90/s, 1s:10, 0:40/s, 1:40/s"], events


SENDING = """
    from locust import HttpUser, constant, task

    class Buyer(HttpUser):
        wait_time = constant(0)

        @task
        def buy(self):
            self.client.get("/")
"""


def slots_of(text):
    """Stages of a throttle that was changed: [seconds, at its begin, at its end]."""
    pieces = re.findall(r"(\d+)(?:ns)?:(\d+)/(\d+)ns", re.search(r"throttle=([^=]*)(,\w+=|$)", text)[1])
    levels = [(int(length) / 1e9, int(number) * 1e9 / int(per)) for length, number, per in pieces]
    return [[length, level, level] for length, level in levels if length]


@pytest.mark.parametrize("processes", [0, 2], ids=["local", "distributed"])
@pytest.mark.parametrize("plan", ["constant-vus:users=20", "constant-arrival-rate:rate=200/s,users=20,max_users=20"], ids=["users", "rate"])
def test_a_throttle_is_changed_for_those_who_wait_for_it_too(processes, plan):
    """Not one request before its moment, and none that still waits for one of before: at 2/s the last of 20 users would for ten seconds."""
    port = free_port()
    more = ["--processes", processes] if processes else []
    with queue(8, 0) as target, locustfile(SENDING) as file, katydid("-f", file, "-H", target, "--autostart", "--web-port", port, *more, "--scenario",
                                                                     f"a:{plan},throttle=2/s") as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        wait_for(lambda: len(truth(target)["came"]) >= 2, "the first requests")
        assert scenario(url, "a")["throttle"] == 2
        change(url, name="a", throttle="100/s")
        wait_for(lambda: len(truth(target)["came"]) >= 100, "100 requests")
        change(url, name="a", throttle=20)
        change(url, name="a", throttle=[["500ms", "60/s"], [0, "40/s"], ["1h", "40/s"]])
        told = get_json(url + "/api/v1/scenarios")
        slots = slots_of(told["scenarios"][0]["text"])
        wait_for(lambda: len(truth(target)["came"]) >= 180, "180 requests")
        begun = told["begun"] + time.monotonic() - time.time()
        known = sum(length for length, _, _ in slots)
        early = [(n, at) for n, at in enumerate(sorted(truth(target)["came"])) if at - begun < known - 0.1 and at - begun - due_at(slots, n) < -0.05]
        assert not early, (early[:5], slots)
        assert change(url, 400, name="a", throttle="fast")["field"] == "throttle"
        change(url, name="a", throttle=None)
        wait_for(lambda: scenario(url, "a")["throttle"] is None, "no throttle any more")
        assert change(url, name="a", throttle="10/s")["text"] == "Throttle of a: none → 10/s"
        wait_for(lambda: scenario(url, "a")["throttle"] == 10, "another throttle")
        events = [event["text"] for event in get_json(url + "/api/v1/events")["events"] if event["kind"] == "scenario"]
        assert events[:2] == ["Throttle of a: 2/s → 100/s", "Throttle of a: 100/s → 20/s"] and events[3] == "Throttle of a: 40/s → none", events
        assert "Traceback" not in master.stderr, master.describe()


def test_a_throttle_may_come_late():
    port = free_port()
    with queue(8, 0.01) as target, locustfile(SENDING) as file, katydid("-f", file, "-H", target, "--autostart", "--web-port", port, "--processes", 2, "--scenario",
                                                                        "a:constant-vus:users=8") as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        wait_for(lambda: len(truth(target)["came"]) >= 20, "the first requests")
        assert change(url, 400, name="a", throttle=None)["field"] == "throttle"
        change(url, name="a", throttle="20/s")
        wait_for(lambda: scenario(url, "a")["throttle"] == 20, "the throttle")
        before, began = len(truth(target)["came"]), time.monotonic()
        wait_for(lambda: time.monotonic() - began > 3, "three seconds")
        asked = time.monotonic() - began
        assert len(truth(target)["came"]) - before <= 20 * asked + 8 + 2, master.describe()


NAPPING = """
    import time
    from locust import User, task

    class Buyer(User):
        @task
        def buy(self):
            time.sleep(60)
"""


def test_arrivals_are_counted_in_the_second_in_which_they_were_due():
    """Whenever the worker tells of them; and users that are in an iteration are told from those that wait for one."""
    port = free_port()
    with locustfile(NAPPING) as file, katydid("-f", file, "--autostart", "--web-port", port, "--scenario",
                                              "a:ramping-arrival-rate:rate=20/s,users=1,on_busy=drop,graceful_stop=0,stages=3s:20/s,forever:0/s") as master:
        url = f"http://127.0.0.1:{port}"
        master.wait_line("Starting web interface")
        wait_for(lambda: scenario(url, "a")["due"] == 60, "all arrivals")
        one = scenario(url, "a")
        assert (one["started"], one["dropped"], one["users"], one["busy"], one["waiting"]) == (1, 59, 1, 1, 0), one
        begun = get_json(url + "/api/v1/scenarios")["begun"]
        due = [begun + (k + 0.5) / 20 for k in range(60)]

        def seconds(name):
            told = get_json(f"{url}/api/v1/metrics/series?metric=iterations_{name}&tags=" + quote('{"scenario":"a"}'))
            assert told["step"] == 1, told
            return {point[0]: point[3] for point in told["points"]}

        wait_for(lambda: sum(seconds("due").values()) == 60 and sum(seconds("dropped").values()) == 59, "the course to have its last second")
        for second, count in seconds("due").items():  # to some milliseconds: the clocks of both are not one
            surely = sum(second + 0.03 <= at < second + 0.97 for at in due)
            at_most = sum(second - 0.03 <= at < second + 1.03 for at in due)
            assert surely <= count <= at_most, (second, count, seconds("due"))
