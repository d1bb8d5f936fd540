"""Somebody sets the clock of a machine while a test runs on it, or the machine is suspended: nothing that is counted or drawn may hang on it."""

import csv
import os
import re
import signal
import time
from pathlib import Path

import pytest

from harness import BUILD, children, csv_row, free_port, get_json, katydid, locustfile, target, wait_for

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

    def set(self, seconds, suspended_s=0):
        new = self.path.with_suffix(".new")
        new.write_text(f"{seconds} {suspended_s}")
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


def family(pid):
    return [pid] + [member for child in children(pid) for member in family(child)]


def signal_all(pids, number, state):
    """All at once, as a machine's end of sleep: in states like those (proc(5))."""
    for pid in pids:
        os.kill(pid, number)
    wait_for(lambda: all(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in state for pid in pids), f"all to be in {state}")


@pytest.mark.parametrize("how", ("stopped", "suspended"))
def test_a_machine_that_stands_still_with_all_of_a_test_loses_nothing(tmp_path, how):
    """By signals; and as a suspended machine, whose monotonic clock stands meanwhile."""
    clock, port, web = Clock(tmp_path), free_port(), free_port()
    url = f"http://127.0.0.1:{web}"
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "-H", server.url, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--web-port", web,
                     "--autostart", "--expect-workers", 2, "-u", 20, "-r", 20, "--csv", tmp_path / "out", env=clock.env) as boss, \
                katydid("-f", file, "--worker", "--master-port", port, env=clock.env) as one, \
                katydid("-f", file, "--worker", "--master-port", port, env=clock.env) as two:
            boss.wait_line("All users spawned")
            wait_for(lambda: total_rps(web) > 50, "the first figures")
            machine = [pid for process in (boss, one, two) for pid in family(process.pid)]
            signal_all(machine, signal.SIGSTOP, "T")
            stood_since, held = time.monotonic(), server.log()["requests"]
            if how == "suspended":
                clock.set(3600, 3600)
            else:
                wait_for(lambda: time.monotonic() > stood_since + 6, "a standstill that is told of")
            signal_all(machine, signal.SIGCONT, "RSDI")
            for worker in (one, two):
                worker.wait_line("users wait until the master answers")
                worker.wait_line("The users go on")
            wait_for(lambda: server.log()["requests"] > held + 100, "the load to go on")
            notice = wait_for(lambda: re.search(r"The master stood still .*has arrived\.", get_json(f"{url}/api/v1/state")["notice"]), "the page to say so")
            assert any(notice.group() in event.values() for event in get_json(f"{url}/api/v1/events")["events"])
            boss.signal(signal.SIGINT)
            assert boss.wait() == 0, boss.describe()
            assert one.wait() == 0 and two.wait() == 0, one.describe()
        seen = server.log()["requests"]
    log, summary = boss.stderr.split("Shutting down", 1)
    stood_s = int(re.search(r"The master stood still from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d \((\d+) s\)", log).group(1))
    assert stood_s >= (3600 if how == "suspended" else 5)
    assert notice.group() in log and notice.group() in summary, boss.describe()
    assert "was lost" not in boss.stderr, boss.describe()
    assert seen == int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"]) + cut_off(boss.stderr), boss.describe()
