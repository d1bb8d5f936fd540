"""Stock Locust workers under our master: they join, run, stop, start again, and their numbers add up."""

import os
import re
import signal
import time
import urllib.parse
import urllib.request

from harness import STOCK_LOCUST, Process, csv_row, free_port, get_json, katydid, locustfile, wait_for

# Each process writes down what it measured: the master must come to the same sum.
FILE = """
    import os
    from locust import User, constant, events, task

    counted = 0

    class Worker(User):
        wait_time = constant(0.02)

        @task
        def measure(self):
            global counted
            counted += 1
            self.environment.events.request.fire(
                request_type="X", name="sample", response_time=counted % 200, response_length=7,
                exception=ValueError("bad") if counted % 10 == 0 else None)

    @events.quit.add_listener
    def note(exit_code, **_):
        if counted:
            with open(os.path.join(os.path.dirname(__file__), f"count-{os.getpid()}"), "w") as f:
                f.write(str(counted))
"""


def master(file, port, *more):
    return katydid("-f", file, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, *more)


def stock_worker(file, port):
    return Process([STOCK_LOCUST, "-f", file, "--worker", "--master-port", port])


def counted(file):
    folder = os.path.dirname(file)
    return sum(int(open(os.path.join(folder, name)).read()) for name in os.listdir(folder) if name.startswith("count-"))


def state(web):
    try:
        return get_json(f"http://127.0.0.1:{web}/stats/requests")
    except OSError:
        return {"state": "", "workers": [], "user_count": 0, "stats": []}


def total(web):
    return next((row["num_requests"] for row in state(web)["stats"] if row["name"] == "Aggregated"), 0)


def swarm(web, users, rate):
    body = urllib.parse.urlencode({"user_count": users, "spawn_rate": rate, "host": ""}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{web}/swarm", body, timeout=60) as answer:
        assert answer.status == 200


def test_totals_are_those_of_the_workers(tmp_path):
    port = free_port()
    with locustfile(FILE) as file:
        with master(file, port, "--headless", "--expect-workers", 2, "-u", 10, "-r", 10, "-t", 5, "--csv", tmp_path / "out") as boss:
            with stock_worker(file, port) as one, stock_worker(file, port) as two:
                assert boss.wait(90) == 1, boss.describe()
                assert one.wait(90) == 0 and two.wait(90) == 0, one.describe()
        row = csv_row(tmp_path / "out_stats.csv", "Aggregated")
        assert int(row["Request Count"]) == counted(file) > 10
        assert abs(int(row["Failure Count"]) - counted(file) / 10) <= 2
    # the second form: a busy machine, where counts take longer than the second Locust waits for them
    assert re.search(r'(All users spawned|not all reports received from workers): {"Worker": \d+}', boss.stderr)
    assert "ValueError('bad')" in boss.stderr


def test_stop_waits_for_their_last_report_and_they_start_again():
    port, web = free_port(), free_port()
    with locustfile(FILE) as file:
        with master(file, port, "--web-port", web, "--autostart", "-u", 6, "-r", 6) as boss, stock_worker(file, port) as one:
            wait_for(lambda: state(web)["state"] == "running" and total(web) > 50, "a running test")
            urllib.request.urlopen(f"http://127.0.0.1:{web}/stop", timeout=60).read()
            wait_for(lambda: state(web)["state"] == "stopped", "the stop")
            after_stop = total(web)
            time.sleep(4)  # what it says late changes nothing
            assert total(web) == after_stop
            wait_for(lambda: [w["state"] for w in state(web)["workers"]] == ["ready"], "the worker to be ready")
            swarm(web, 3, 3)
            wait_for(lambda: total(web) < after_stop, "the numbers of the second test")
            wait_for(lambda: state(web)["state"] == "running" and state(web)["user_count"] == 3, "the second test")
            wait_for(lambda: state(web).get("fail_ratio", 0) > 0, "a failure, which makes the exit code 1")
            boss.signal(signal.SIGINT)
            assert boss.wait(90) == 1, boss.describe()
            assert one.wait(90) == 0


def test_they_share_the_users_with_ours_and_move_when_one_is_killed():
    port, web = free_port(), free_port()
    with locustfile(FILE) as file:
        with master(file, port, "--web-port", web, "--autostart", "--expect-workers", 2, "-u", 8, "-r", 8) as boss:
            with stock_worker(file, port) as stock, katydid("-f", file, "--worker", "--master-port", port) as ours:
                wait_for(lambda: sorted(w["user_count"] for w in state(web)["workers"]) == [4, 4], "half each")
                os.kill(stock.pid, signal.SIGKILL)
                wait_for(lambda: [w["user_count"] for w in state(web)["workers"] if w["state"] == "running"] == [8], "the users to move")
                boss.signal(signal.SIGINT)
                assert boss.wait(90) == 1, boss.describe()
                assert ours.wait(90) == 0
    assert "was lost" in boss.stderr


def test_a_restarted_master_gets_them_back():
    port, web = free_port(), free_port()
    with locustfile(FILE) as file, stock_worker(file, port) as one:
        with master(file, port, "--web-port", web, "--autostart", "-u", 4, "-r", 4) as boss:
            wait_for(lambda: state(web)["user_count"] == 4, "the first test")
            os.kill(boss.pid, signal.SIGKILL)
            boss.popen.wait(90)
        with master(file, port, "--web-port", web, "--autostart", "-u", 5, "-r", 5) as boss:
            wait_for(lambda: state(web)["user_count"] == 5, "the second test")
            assert one.popen.poll() is None
            boss.signal(signal.SIGINT)
            boss.wait(90)
        assert one.wait(90) == 0
