"""Tests, viewers and reports leave no descriptor open, in the master or in a worker: after the third round there are those of the first."""

import os
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from harness import children, free_port, get, get_json, katydid, locustfile, post, target, wait_for
from viewer import Viewer

FILE = """
from locust import FastHttpUser, HttpUser, constant, task

class One(HttpUser):
    wait_time = constant(0.05)

    @task
    def page(self):
        self.client.get("/page")
        self.client.get("/status/500")

class Other(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def page(self):
        self.client.get("/page")
"""


def count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def look(page):
    """As people do, and some go in the middle."""
    viewers = [Viewer(page) for _ in range(10)]
    for viewer in viewers[::2]:
        viewer.message("tick")
    for viewer in viewers:
        viewer.close()
    get(page + "/api/v1/report?samples=1&logs=1")
    get(page + "/stats/requests/csv")
    with pytest.raises(urllib.error.HTTPError):
        get(page + "/nothing")


def a_round(page, process):
    state = lambda: get_json(page + "/stats/requests")  # noqa: E731
    body = urllib.parse.urlencode({"user_count": 4, "spawn_rate": 100}).encode()
    urllib.request.urlopen(page + "/swarm", body, timeout=60).close()
    wait_for(lambda: state()["state"] == "running" and state()["total_rps"] > 0, "the test")
    look(page)
    post(page + "/stop")
    wait_for(lambda: state()["state"] == "stopped", "its end")


def settled(pids):
    """What they have open when nothing is on its way: twice the same, a second apart."""
    last = None
    while (now := [count(pid) for pid in pids]) != last:
        last = now
        time.sleep(1)
    return now


@pytest.mark.parametrize("how", ["one process", "workers"])
def test_rounds_leave_nothing_open(how):
    port = free_port()
    more = ["--processes", 2] if how == "workers" else []
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "-H", server.url, "--web-port", port, *more) as boss:
            boss.wait_line("Starting web interface")
            page = f"http://127.0.0.1:{port}"
            wait_for(lambda: get_json(page + "/stats/requests").get("workers") or how == "one process", "the workers")
            a_round(page, boss)
            pids = [boss.pid, *children(boss.pid)]
            first = settled(pids)
            a_round(page, boss)
            a_round(page, boss)
            last = settled(pids)
    assert all(b <= a + 2 for a, b in zip(first, last, strict=True)), (first, last)
