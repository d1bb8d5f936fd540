"""Somebody sets the clock of a machine while a test runs on it: nothing that is counted or drawn may hang on it."""

import csv
import os
import re

import pytest

from harness import BUILD, csv_row, free_port, get_json, katydid, locustfile, target, wait_for

FILE = """
    from locust import HttpUser, constant, task

    class Visitor(HttpUser):
        wait_time = constant(0.1)

        @task
        def page(self):
            self.client.get("/")
"""


class Clock:
    def __init__(self, folder):
        self.path = folder / "clock"
        self.set(0)

    def set(self, seconds):
        new = self.path.with_suffix(".new")
        new.write_text(str(seconds))
        os.replace(new, self.path)

    @property
    def env(self):
        return {"LD_PRELOAD": str(BUILD / "support" / "clock.so"), "CLOCK_SHIFT_FILE": str(self.path)}


def post(url, **fields):
    import json
    import urllib.request
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"X-Katydid": "1", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def cut_off(text):
    return sum(int(n) for n in re.findall(r"(\d+) requests? (?:was|were) cut off", text))


def total_rps(web):
    return get_json(f"http://127.0.0.1:{web}/stats/requests")["total_rps"]


def drawn(url, least):
    points = get_json(f"{url}/api/v1/series")["points"]
    return points if len(points) >= least else None


@pytest.mark.parametrize("whose", ("master", "worker"))
def test_a_clock_that_is_set_changes_no_figure(tmp_path, whose):
    clock, port, web = Clock(tmp_path), free_port(), free_port()
    env = {whose: clock.env}
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "-H", server.url, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
                     "--web-port", web, "--autostart", "--autoquit", 0, "-u", 10, "-r", 10, "-t", 9,
                     "--csv", tmp_path / "out", env=env.get("master")) as boss:
            with katydid("-f", file, "--worker", "--master-port", port, env=env.get("worker")):
                boss.wait_line("All users spawned")
                wait_for(lambda: total_rps(web) > 50, "the first figures")
                url = f"http://127.0.0.1:{web}"
                for step, users in ((-3600, 20), (3600, 30)):
                    clock.set(step)
                    assert post(f"{url}/api/v1/edit", users=users, spawn_rate=10)["ok"]
                    wait_for(lambda users=users: get_json(f"{url}/stats/requests")["user_count"] == users, "a ramp on the set clock", 20)
                points = wait_for(lambda: drawn(url, 5), "a chart that goes on", 20)
                assert boss.wait() == 0, boss.describe()
        seen = server.log()["requests"]
    row = csv_row(tmp_path / "out_stats.csv", "Aggregated")
    assert seen == int(row["Request Count"]) + cut_off(boss.stderr)
    assert 60 < float(row["Requests/s"]) < 300, row  # 100 to 300 are made
    seconds = [p[0] for p in points]
    assert seconds == sorted(seconds) and seconds[-1] - seconds[0] < 60, seconds
    with open(tmp_path / "out_stats_history.csv", newline="") as file:
        stamps = [int(r["Timestamp"]) for r in csv.DictReader(file)]
    assert stamps == sorted(stamps) and stamps[-1] - stamps[0] < 60, stamps


def test_a_ramp_goes_on_over_steps_of_the_clock(tmp_path):
    clock, port = Clock(tmp_path), free_port()
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "-H", server.url, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port,
                     "--headless", "-u", 30, "-r", 8, "-t", 5, env=clock.env) as boss:
            with katydid("-f", file, "--worker", "--master-port", port):
                boss.wait_line("Sending spawn jobs")
                wait_for(lambda: server.log()["requests"] > 30, "the ramp has begun")
                clock.set(-10)
                boss.wait_line(r"\(30 total users\)", 20)
                clock.set(10)
                assert boss.wait() == 0, boss.describe()


def test_the_next_test_starts_on_a_clock_that_was_set_back(tmp_path):
    clock, web = Clock(tmp_path), free_port()
    url = f"http://127.0.0.1:{web}"
    with target() as server, locustfile(FILE) as file, katydid("-f", file, "-H", server.url, "--web-port", web, env=clock.env) as boss:
        boss.wait_line("Starting web interface")
        for users, step in ((2, -1800), (4, 1800), (6, 0)):
            wait_for(lambda users=users: post(f"{url}/api/v1/start", users=users, spawn_rate=10)["ok"], "a start", 20)
            wait_for(lambda users=users: get_json(f"{url}/stats/requests")["user_count"] == users, "its users", 20)
            wait_for(lambda: total_rps(web) > 5, "its rate", 20)
            clock.set(step)
            post(f"{url}/api/v1/stop")
            wait_for(lambda: get_json(f"{url}/stats/requests")["state"] == "stopped", "its end", 20)
