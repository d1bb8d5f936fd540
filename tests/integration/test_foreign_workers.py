"""Workers that are neither ours nor stock Locust's, alone and beside ours: the dialogue of boomer and locust4j."""

import re
import sys
import urllib.parse
import urllib.request

import pytest
from harness import ROOT, Process, csv_row, free_port, get, get_json, katydid, locustfile, target, wait_for

FILE = """
    from locust import HttpUser, constant, task

    class Visitor(HttpUser):
        wait_time = constant(0.02)

        @task
        def page(self):
            self.client.get("/page")
"""


def foreign_worker(port, url):
    return Process([sys.executable, ROOT / "tests" / "support" / "foreign_worker.py", port, url, "Visitor"])


@pytest.mark.parametrize("ours", [0, 1], ids=["alone", "beside one of ours"])
def test_totals_are_the_targets(ours, tmp_path):
    port = free_port()
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "-H", server.url, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--headless",
                     "--expect-workers", 2, "-u", 6, "-r", 6, "-t", 4, "--csv", tmp_path / "out") as boss:
            workers = [foreign_worker(port, server.url) for _ in range(2 - ours)]
            workers += [katydid("-f", file, "--worker", "--master-port", port) for _ in range(ours)]
            assert boss.wait(90) == 0, boss.describe()
            assert all(worker.wait(90) == 0 for worker in workers), "\n".join(w.describe() for w in workers)
        sent = [int(re.search(r"sent (\d+)", worker.stdout).group(1)) for worker in workers[: 2 - ours]]
        reported = int(csv_row(tmp_path / "out_stats.csv", "Aggregated")["Request Count"])
        cut = re.search(r"([\d,]+) requests? (?:was|were) cut off", boss.stderr)
        assert all(n > 0 for n in sent), sent
        assert reported + (int(cut.group(1)) if cut else 0) == server.log()["requests"], boss.describe()


def test_stops_and_starts_again_and_quits(tmp_path):
    port, web = free_port(), free_port()
    with target() as server, locustfile(FILE) as file:
        with katydid("-f", file, "-H", server.url, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--web-port", web) as boss:
            with foreign_worker(port, server.url) as worker:
                boss.wait_line("Starting web interface")
                boss.wait_line("1 workers connected")
                page = Page(web)
                for users in (3, 5):
                    page.post("swarm", user_count=users, spawn_rate=10, host=server.url)
                    page.until(lambda p: p["state"] == "running" and p["user_count"] == users, f"{users} users")
                    page.until(lambda p: p["stats"][-1]["num_requests"] > 50, "requests")
                    page.get("stop")
                    page.until(lambda p: p["state"] == "stopped" and p["workers"][0]["state"] == "ready", "the end")
                boss.signal(15)
                assert boss.wait(90) == 0, boss.describe()
                assert worker.wait(90) == 0, worker.describe()
                assert int(re.search(r"sent (\d+)", worker.stdout).group(1)) == server.log()["requests"]


class Page:
    """Locust's web routes, as a script uses them."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def post(self, route, **fields):
        urllib.request.urlopen(f"{self.url}/{route}", urllib.parse.urlencode(fields).encode(), timeout=60).close()

    def get(self, route):
        return get(f"{self.url}/{route}")

    def until(self, condition, what):
        wait_for(lambda: condition(get_json(f"{self.url}/stats/requests")), what)
