# SPDX-License-Identifier: MIT
"""Scenarios that are changed while they run: how many iterations there are follows from the plan, whenever the changes came."""

import json

import pytest

from harness import free_port, get_json, katydid, locustfile, wait_for
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


def area(one):
    """Of its stages: so many arrivals the plan has."""
    return sum(length * (begin + end) / 2 for length, begin, end in one["stages"])


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
        count = round(area(one))
        assert one["length_s"] > 8 and count > 200, one
        wait_for(lambda: scenario(url, "a")["due"] == count, "all arrivals of the plan")
        done = scenario(url, "a")
        assert done["due"] == done["started"] + done["dropped"] + done["cut"] + done["waiting"], done
        told = [event["text"] for event in get_json(url + "/api/v1/events")["events"] if event["kind"] == "scenario"]
        assert told == ["Scenario 'a': 200/s", "Scenario 'b': 4 users", "Scenario 'a': paused", "Scenario 'a': resumed", "Scenario 'b': 1 users"], told
        assert "Traceback" not in master.stderr, master.describe()


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
