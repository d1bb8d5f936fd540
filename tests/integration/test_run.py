"""A whole test on one machine: counts agree with the target, files and exit codes are right."""

import csv
import json
import os
import re
import time

import pytest
from harness import csv_row, get_json, is_alive, katydid, locustfile, run_katydid, shop, signal, target, wait_for
from harness import ROOT, children, free_port

VISITOR = """
    from locust import HttpUser, constant, task

    class Visitor(HttpUser):
        wait_time = constant(0.05)

        @task
        def page(self):
            self.client.get("{path}")
"""


def aggregated(folder):
    return csv_row(folder / "out_stats.csv", "Aggregated")


def cut_off(text):
    found = re.search(r"(\d+) requests? (?:was|were) cut off", text)
    return int(found.group(1)) if found else 0


def test_every_request_the_target_saw_is_reported(tmp_path):
    with target() as server, locustfile(VISITOR.format(path="/delay/20")) as file:
        run = run_katydid("-f", file, "-H", server.url, "--headless", "-u", 50, "-r", 50, "-t", 4, "--csv", tmp_path / "out")
        assert run.code == 0, run.describe()
        assert server.log()["requests"] == int(aggregated(tmp_path)["Request Count"]) + cut_off(run.stderr)
        assert int(aggregated(tmp_path)["Failure Count"]) == 0


def test_requests_cut_off_by_the_end_are_no_failures(tmp_path):
    with target() as server, locustfile(VISITOR.format(path="/hang")) as file:
        with katydid("-f", file, "-H", server.url, "--headless", "-u", 7, "-r", 7, "--csv", tmp_path / "out") as run:
            wait_for(lambda: server.log()["requests"] == 7, "a request of each user")
            run.signal(signal.SIGINT)
            assert run.wait() == 0, run.describe()
        assert cut_off(run.stderr) == 7 == server.log()["requests"]
        assert aggregated(tmp_path)["Request Count"] == "0" and aggregated(tmp_path)["Failure Count"] == "0"


def test_two_worker_processes_add_up(tmp_path):
    with target() as server, locustfile(VISITOR.format(path="/delay/5")) as file:
        run = run_katydid("-f", file, "-H", server.url, "--headless", "-u", 40, "-r", 40, "-t", 4, "--processes", 2, "--csv", tmp_path / "out")
        assert run.code == 0, run.describe()
        assert server.log()["requests"] == int(aggregated(tmp_path)["Request Count"]) + cut_off(run.stderr)


def test_a_folder_for_temporary_files_may_have_a_long_name(tmp_path):
    """Longer than the address of a Unix socket, which the master's own Python has there."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    with target() as server, locustfile(VISITOR.format(path="/")) as file:
        run = run_katydid("-f", file, "-H", server.url, "--headless", "-u", 2, "-t", 1, "--processes", 2, env={"TMPDIR": str(deep)})
        assert run.code == 0 and server.log()["requests"] > 0, run.describe()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_with_full_tables_and_files(tmp_path, number):
    with target() as server, locustfile(VISITOR.format(path="/")) as file:
        with katydid("-f", file, "-H", server.url, "--headless", "-u", 5, "-r", 5, "--csv", tmp_path / "out") as run:
            run.wait_line("All users spawned")
            wait_for(lambda: server.log()["requests"] > 100, "some requests")
            run.signal(number)
            assert run.wait() == 0, run.describe()
            assert server.log()["requests"] == int(aggregated(tmp_path)["Request Count"]) + cut_off(run.stderr)
            assert "Response time percentiles" in run.stderr and "Aggregated" in run.stderr


def test_failures_make_the_exit_code_and_the_error_report(tmp_path):
    with target() as server, locustfile(VISITOR.format(path="/status/503")) as file:
        run = run_katydid("-f", file, "-H", server.url, "--headless", "-u", 2, "-r", 2, "-t", 2, "--csv", tmp_path / "out")
        assert run.code == 1
        assert "HTTPError('503 Server Error" in run.stderr and "for url: /status/503')" in run.stderr
        row = aggregated(tmp_path)
        assert row["Request Count"] == row["Failure Count"] != "0"
        again = run_katydid("-f", file, "-H", server.url, "--headless", "-t", 3, "--exit-code-on-error", 9)
        assert again.code == 9


def test_json_on_stdout_leaves_the_tables_alone():
    with target() as server, locustfile(VISITOR.format(path="/")) as file:
        run = run_katydid("-f", file, "-H", server.url, "--headless", "-u", 2, "-r", 2, "-t", 2, "--json")
        entries = json.loads(run.stdout)
        assert [e["name"] for e in entries] == ["/"]
        assert entries[0]["num_requests"] + cut_off(run.stderr) == server.log()["requests"] > 0
        final = run.stderr.split("Response time percentiles")[0].rsplit("Aggregated", 2)[-1]
        assert str(entries[0]["num_requests"]) in final


def test_the_sample_journey(tmp_path):
    with shop("--errors", "0", "--delay-ms", "1") as server:
        with katydid("-f", ROOT / "locustfiles" / "ecommerce.py", "-H", server.url, "--headless", "--users", 100, "--spawn-rate", 50,
                     "--run-time", "2m", "--csv", tmp_path / "out") as run:
            wait_for(lambda: server.counts().get("POST /api/login") == 100, "a login of each user")
            run.wait_line("All users spawned")
            wait_for(lambda: server.counts().get("POST /api/orders", 0) >= 20, "some orders")
            run.signal(signal.SIGINT)
            assert run.wait() == 0, run.describe()
        with open(tmp_path / "out_stats.csv", newline="") as file:
            rows = {(r["Type"], r["Name"]): r for r in csv.DictReader(file)}
        assert rows["POST", "/api/login"]["Request Count"] == "100"
        assert int(rows["CUSTOM", "checkout_total_duration"]["Request Count"]) > 0
        placed = int(re.search(r"(\d+) orders placed", run.stdout).group(1))
        assert placed >= int(rows["CUSTOM", "checkout_total_duration"]["Request Count"])
        counted = sum(server.counts().values())
        http = sum(int(r["Request Count"]) for (kind, _), r in rows.items() if kind in ("GET", "POST"))
        assert counted == http + cut_off(run.stderr)


def test_load_test_shape_decides(tmp_path):
    with target() as server, locustfile("""
        from locust import HttpUser, LoadTestShape, constant, task

        class Visitor(HttpUser):
            wait_time = constant(0.1)
            @task
            def page(self):
                self.client.get("/")

        class Steps(LoadTestShape):
            def tick(self):
                t = self.get_run_time()
                return (3, 10) if t < 4 else (6, 10) if t < 8 else None
    """) as file:
        run = run_katydid("-f", file, "-H", server.url, "--headless", "--csv", tmp_path / "out")
        assert run.code == 0, run.describe()
        assert "Shape test updating to 3 users" in run.stderr and "Shape test updating to 6 users" in run.stderr
        with open(tmp_path / "out_stats_history.csv", newline="") as history:
            counts = {int(r["User Count"]) for r in csv.DictReader(history)}
        assert {3, 6} <= counts and max(counts) == 6


def test_a_custom_option_reaches_the_users():
    with target() as server, locustfile("""
        from locust import HttpUser, constant, events, task

        @events.init_command_line_parser.add_listener
        def more(parser):
            parser.add_argument("--page-name", default="none", help="what to open")

        class Visitor(HttpUser):
            wait_time = constant(0.1)
            @task
            def page(self):
                self.client.get("/", name=self.environment.parsed_options.page_name)
    """) as file:
        run = run_katydid("-f", file, "-H", server.url, "--headless", "-t", 3, "--page-name", "welcome")
        assert run.code == 0 and "welcome" in run.stderr, run.describe()
        wrong = run_katydid("-f", file, "-H", server.url, "--headless", "-t", 1, "--page-nam3", "welcome")
        assert wrong.code == 2 and "--page-name" in wrong.stderr and "Traceback" not in wrong.stderr, wrong.describe()


def test_requests_and_gevent_in_a_task_are_cooperative():
    with target() as server, locustfile(f"""
        import time, threading, queue, subprocess
        from collections import Counter
        import gevent, gevent.pool, requests
        from locust import User, constant, events, task

        inside, most = Counter(), Counter()

        def by_thread():
            box = queue.Queue()
            threading.Thread(target=lambda: (time.sleep(0.1), box.put(1))).start()
            box.get()

        WAYS = {{
            "requests": lambda: requests.get("{server.url}/delay/100"),
            "time": lambda: time.sleep(0.1),
            "gevent": lambda: gevent.sleep(0.1),
            "pool": lambda: gevent.pool.Pool(2).map(lambda _: gevent.sleep(0.1), range(2)),
            "queue": by_thread,
            "subprocess": lambda: subprocess.run(["sleep", "0.1"]),
        }}

        @events.test_stop.add_listener
        def tell(**_):
            print("TOGETHER", *sorted(way for way in WAYS if most[way] > 1), flush=True)

        class Visitor(User):
            wait_time = constant(0)

            @task
            def wait_in_every_way(self):
                for way, wait in WAYS.items():
                    inside[way] += 1
                    most[way] = max(most[way], inside[way])
                    try:
                        wait()
                    finally:
                        inside[way] -= 1
    """) as file:
        run = run_katydid("-f", file, "--headless", "-u", 10, "-r", 10, "-t", 5)
        assert run.code == 0, run.describe()
        assert "TOGETHER gevent pool queue requests subprocess time\n" in run.stdout, run.describe()


def test_a_user_that_blocks_the_loop_is_named():
    with locustfile("""
        import time
        from locust import User, constant, task

        class Spinner(User):
            wait_time = constant(1)
            @task
            def spin(self):
                end = time.monotonic() + 2.5
                while time.monotonic() < end:
                    pass
    """) as file:
        run = run_katydid("-f", file, "--headless", "-t", 5)
        assert re.search(r"kept the event loop for [1-9]", run.stderr) and re.search(r"stood still for ([2-9]|\d\d)", run.stderr) and "in spin" in run.stderr, run.describe()


BUSY = """
    import time
    from locust import User, constant, task

    class Busy(User):
        wait_time = constant(0.1)
        runs = 0

        @task
        def work(self):
            self.environment.events.request.fire(request_type="X", name="work", response_time=1, response_length=0, exception=None, context={})
            Busy.runs += 1
            if Busy.runs == 30:
                end = time.perf_counter() + 6.5  # longer than a silent worker is waited for
                while time.perf_counter() < end:
                    pass
"""


def test_a_local_run_goes_on_after_a_task_that_computed_for_long():
    with locustfile(BUSY) as file:
        run = run_katydid("-f", file, "--headless", "-u", 5, "-r", 5, "-t", 11, "--json")
        assert run.code == 0, run.describe()
        assert json.loads(run.stdout)[0]["num_requests"] > 60, run.describe()
        assert "lost" not in run.stderr and "Measurement not valid for" in run.stderr, run.describe()


def test_users_and_rate_change_while_running():
    port = free_port()
    with target() as server, locustfile(VISITOR.format(path="/")) as file:
        with katydid("-f", file, "-H", server.url, "--web-port", port, "--autostart", "-u", 4, "-r", 4) as run:
            run.wait_line("All users spawned")
            url = f"http://127.0.0.1:{port}"
            for users in (12, 3):
                post(url + "/swarm", f"user_count={users}&spawn_rate=20")
                wait_for(lambda: get_json(url + "/stats/requests")["user_count"] == users, f"{users} users")
            get_json(url + "/stop")
            wait_for(lambda: get_json(url + "/stats/requests")["state"] == "stopped", "the end")
            report = get_json(url + "/stats/requests")
            total = next(r for r in report["stats"] if r["name"] == "Aggregated")
            cut = server.log()["requests"] - total["num_requests"]
            assert 0 <= cut <= 9 + 3  # users that were stopped, now and before, in the middle of a request
            run.signal(signal.SIGTERM)
            assert run.wait() == 0


def post(url, body):
    import urllib.request
    return urllib.request.urlopen(urllib.request.Request(url, body.encode()), timeout=60).read()


def test_the_master_takes_its_children_with_it():
    with locustfile(VISITOR.format(path="/")) as file:
        with katydid("-f", file, "-H", "http://127.0.0.1:9", "--headless", "-t", 60, "--processes", 2) as run:
            run.wait_line("All users spawned")
            mine = children(run.pid)
            assert len(mine) == 3
            os.kill(run.pid, signal.SIGKILL)
            run.popen.wait(90)
            wait_for(lambda: not any(is_alive(p) for p in mine), "the children to end")


def test_second_interrupt_ends_at_once():
    with target() as server, locustfile("""
        import time
        from locust import User, task

        class Stubborn(User):
            @task
            def never(self):
                time.sleep(60)
    """) as file:
        with katydid("-f", file, "--headless", "--stop-timeout", "60") as run:
            run.wait_line("All users spawned")
            run.signal(signal.SIGINT)
            run.wait_line("Exiting due to CTRL")
            run.signal(signal.SIGINT)
            assert run.wait(90) in (130, 143), run.describe()
