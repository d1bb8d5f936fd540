"""A Katydid worker under a stock Locust master from PyPI: joins, runs, reports, goes through a second
test, and leaves; the master's totals are those of the target."""

import json
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from harness import (
    STOCK_LOCUST,
    WORKER,
    Process,
    free_port,
    get_json,
    locustfile,
    post,
    signal,
    target,
    wait_for,
)

USER = """
    from locust import HttpUser, constant, events, task

    for name in ("test_start", "test_stop", "quitting", "quit"):
        getattr(events, name).add_listener(lambda name=name, **_: print("event", name, flush=True))

    class Visitor(HttpUser):
        wait_time = constant(0.02)

        @task(3)
        def page(self):
            self.client.get("/page")

        @task
        def mistake(self):
            self.client.get("/mistake")
            raise RuntimeError("of the task")
"""


@contextmanager
def worker(file, port):
    """A worker as `katydid --worker` starts it, by its configuration."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        config.write_text(json.dumps({
            "role": "worker", "endpoint": f"tcp://127.0.0.1:{port}", "node_id": None,
            "options": {"locustfile": str(file)}, "extra_args": [], "parent_pid": 0, "list": None,
        }))
        with Process([WORKER, "--config", config]) as process:
            yield process


def master(file, port, *arguments):
    return Process([STOCK_LOCUST, "-f", file, "--master", "--master-bind-port", port, *arguments])


def test_totals_are_those_of_the_target(tmp_path):
    port = free_port()
    with target() as site, locustfile(USER) as file, worker(file, port) as ours:
        with master(file, port, "--headless", "-H", site.url, "-u", 5, "-r", 5, "-t", 4, "--expect-workers", 1,
                    "--json-file", tmp_path / "stats") as stock:
            stock.wait_line("(All users spawned|not all reports received).*5 total users")
            stock.wait()
        assert ours.wait() == 0
        entries = {e["name"]: e for e in json.loads((tmp_path / "stats.json").read_text())}
        total = sum(e["num_requests"] for e in entries.values())
        assert total > 10
        seen = site.log()["requests"]
        assert total <= seen <= total + 5, "all but those that the end of the test cut off"
        assert entries["/page"]["num_requests"] > entries["/mistake"]["num_requests"]
        assert "RuntimeError: of the task" in ours.stderr
        assert [line.split()[1] for line in ours.out if line.startswith("event")] == [
            "test_start", "test_stop", "quitting", "quit",
        ]


def test_a_test_is_stopped_and_started_again():
    port, web = free_port(), free_port()
    with target() as site, locustfile(USER) as file:
        page = f"http://127.0.0.1:{web}"
        with master(file, port, "-H", site.url, "--web-host", "127.0.0.1", "--web-port", web) as stock, \
                worker(file, port) as ours:
            stock.wait_line("reported as ready")
            for _ in range(2):
                start(page, users=4)
                wait_for(lambda: stats(page)["user_count"] == 4 and stats(page)["state"] == "running", "4 users")
                wait_for(lambda: stats(page)["stats"][-1]["num_requests"] > 50, "requests")
                post(page + "/stop")
                wait_for(lambda: stats(page)["state"] == "stopped", "the end of the test")
            assert ours.out.count("event test_start\n") == 2
            ours.signal(signal.SIGINT)
            assert ours.wait() == 0
            stock.wait_line("Worker .* quit")


def is_up(page):
    try:
        return urllib.request.urlopen(page, timeout=60).status == 200
    except urllib.error.URLError:
        return False


def start(page, users):
    """The page may open later than a worker joins."""
    wait_for(lambda: is_up(page), "the page")
    form = f"user_count={users}&spawn_rate=10".encode()
    with urllib.request.urlopen(page + "/swarm", data=form, timeout=60) as answer:
        assert json.loads(answer.read())["success"]


def stats(page):
    return get_json(page + "/stats/requests")


def test_exceptions_reach_the_master():
    port, web = free_port(), free_port()
    with target() as site, locustfile(USER) as file:
        page = f"http://127.0.0.1:{web}"
        with master(file, port, "-H", site.url, "--web-host", "127.0.0.1", "--web-port", web) as stock, \
                worker(file, port):
            stock.wait_line("reported as ready")
            start(page, users=2)
            found = wait_for(lambda: get_json(page + "/exceptions")["exceptions"], "an exception")
            assert found[0]["msg"] == "of the task"
            assert found[0]["traceback"].count("File") == 1, "the user's own frame, none of ours"
