# SPDX-License-Identifier: MIT
"""Whether a measurement can be believed, and a verdict while it cannot: workers that are kept from their processor or lost in a run."""

import contextlib
import json
import os
import re
import signal
import sys
import urllib.request
from pathlib import Path
from threading import Event, Thread

import pytest

from harness import KATYDID, Process, children, free_port, get_json, katydid, locustfile, target, wait_for
from slow_shop import a_shop

HALF_A_CORE = """
    import time
    from locust import HttpUser, constant, task

    class Signer(HttpUser):
        wait_time = constant(0.004)

        @task
        def sign(self):
            self.client.get("/")
            end = time.thread_time() + 0.004
            while time.thread_time() < end:
                pass
"""
VISITOR = """
    from locust import HttpUser, constant, task

    class Visitor(HttpUser):
        wait_time = constant(0.02)

        @task
        def page(self):
            self.client.get("/")
"""
GATES = ["--fail-on-invalid", "--threshold", "max < 1us"]
NEIGHBOURS = 4
ENOUGH = 90  # seconds: of load, and for a slow machine


def post(url, **fields):
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"X-Katydid": "1", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def invalid(url):
    return get_json(f"{url}/verdict")["invalid"]


def assert_not_valid(process, whys):
    """That is what everybody is told, in place of a slow target."""
    assert process.wait() == 75, process.describe()
    told = re.findall(r"^not valid: worker \S+, from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d \((\w+)\)$", process.stderr, re.M)
    assert set(told) & set(whys), process.describe()
    assert re.search(r"^THRESHOLD fail max < 1us: .*\(measurement not valid\)$", process.stderr, re.M), process.describe()


def scraped(port):
    return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()


def health(url):
    columns, (worker,) = (get_json(f"{url}/workers")[name] for name in ("columns", "workers"))
    return dict(zip(columns, worker))


@contextlib.contextmanager
def busy(core):
    """Others that want all of that processor."""
    loop = f"import os\nos.sched_setaffinity(0, {{{core}}})\nprint('begun', flush=True)\nwhile True: pass"
    with contextlib.ExitStack() as stack:
        for process in [stack.enter_context(Process([sys.executable, "-c", loop])) for _ in range(NEIGHBOURS)]:
            process.wait_line("begun", ENOUGH)
        yield


@pytest.mark.alone
def test_a_worker_beside_busy_loops_on_its_core_is_no_slow_target():
    web = free_port()
    with target() as server, locustfile(HALF_A_CORE) as file:
        with katydid("-f", file, "-H", server.url, "--web-port", web, "--autostart", "--autoquit", 0, "-u", 1, *GATES) as process:
            process.wait_line("All users spawned")
            worker, = children(process.pid)
            core = min(os.sched_getaffinity(worker))
            os.sched_setaffinity(worker, {core})
            url = f"http://127.0.0.1:{web}/api/v1"
            is_told = not Path("/proc/thread-self/schedstat").read_text().startswith("0 ")
            with busy(core):
                wait_for(lambda: invalid(url), "seconds that are not valid", ENOUGH)
                if is_told:
                    wait_for(lambda: (health(url)["starved"] or 0) > 20, "the number of it", ENOUGH)
                wait_for(lambda: re.search(r"^katydid_worker_valid\{.*\} 0$", scraped(web), re.M), "the same for Prometheus", ENOUGH)
            post(f"{url}/stop")
            assert_not_valid(process, {"starved", "lag", "cpu"})


def cpu_group():
    """Where a control group with a limit can be made, by the kernel's version 1 or 2; None: not on this machine."""
    for folder, name, text in (("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "40000"), ("/sys/fs/cgroup", "cpu.max", "40000 100000")):
        group = Path(folder, f"katydid-test-{os.getpid()}")
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / name).write_text(text)
            return group
        except OSError:
            group.rmdir()
    return None


@contextlib.contextmanager
def held_back(process):
    """Stopped in six tenths of the time, as by a limit; by signals."""
    is_over = Event()

    def hold():
        while not is_over.is_set():
            process.signal(signal.SIGSTOP)
            is_over.wait(0.3)
            process.signal(signal.SIGCONT)
            is_over.wait(0.2)

    thread = Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        process.signal(signal.SIGCONT)


def test_a_worker_at_the_limit_of_a_control_group_is_no_slow_target():
    """Of 0.4 processors. Where a machine lets nobody make a group, signals stand for it."""
    port, web = free_port(), free_port()
    url = f"http://127.0.0.1:{web}/api/v1"
    group = cpu_group()
    prefix = ["sh", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"', group] if group else []
    try:
        with target() as server, locustfile(HALF_A_CORE.replace("0.004", "0.001")) as file, \
                katydid("-f", file, "-H", server.url, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--web-port", web,
                        "--autostart", "--autoquit", 0, "-u", 8, "-r", 8, *GATES) as boss:
            with Process([KATYDID, "-f", file, "--worker", "--master-port", port], prefix=prefix) as worker:
                boss.wait_line("All users spawned", ENOUGH)
                with contextlib.nullcontext() if group else held_back(worker):
                    wait_for(lambda: invalid(url), "seconds that are not valid", ENOUGH)
                post(f"{url}/stop")
                assert_not_valid(boss, {"quota", "starved", "lag", "cpu"})
    finally:
        if group:
            wait_for(lambda: not (group / "cgroup.procs").read_text(), "the group to be left")
            group.rmdir()


def test_a_worker_that_is_lost_neither_ends_the_verdict_nor_goes_unsaid(tmp_path):
    """The limit that is broken for two seconds on end after its loss is seen, and stops the test."""
    with a_shop() as shop, locustfile(VISITOR) as file:
        with katydid("-f", file, "-H", shop.url, "--headless", "--processes", 2, "-u", 4, "-r", 4, "-t", "10m", "--fail-on-invalid",
                     "--summary", tmp_path / "summary.json", "--threshold", "count > 20", "--threshold", "min < 400ms for 2s, stop") as process:
            process.wait_line("All users spawned")
            wait_for(lambda: shop.asked > 100, "requests")
            os.kill(max(children(process.pid)), signal.SIGKILL)  # not the script host, which is the first
            lost = process.wait_line(r"The process of worker (\S+) .*ended unexpectedly").group(1)
            shop.delay = 0.5
            process.wait_line("stopped by threshold min < 400ms for 2s, stop: value ")
            assert process.wait() == 75, process.describe()
    assert re.search(rf"^not valid: worker {re.escape(lost)}, from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d \(lost\)$", process.stderr, re.M), process.describe()
    workers = json.loads((tmp_path / "summary.json").read_text())["workers"]
    assert [worker["valid"] for worker in workers if worker["id"] == lost] == [False], workers
    assert "THRESHOLD pass count > 20: " in process.stderr and "Exit code 75: measurement not valid; 1 threshold failed" in process.stderr


def events(url, kind):
    return [event["at"] for event in get_json(f"{url}/events")["events"] if event["kind"] == kind]


@pytest.mark.alone
def test_a_threshold_stops_the_load_within_two_seconds_of_the_fact():
    """From the end of the second that broke it on. On a machine that stands still meanwhile it may try again."""
    web, took = free_port(), []
    url = f"http://127.0.0.1:{web}/api/v1"
    with a_shop() as shop, locustfile(VISITOR) as file:
        with katydid("-f", file, "-H", shop.url, "--processes", 2, "--web-port", web, "--threshold", "min < 200ms for 1s, stop") as process:
            process.wait_line("Starting web interface")
            while len(took) < 5 and not any(seconds <= 2 for seconds in took):
                shop.delay = 0
                wait_for(lambda: len(get_json(f"{url}/workers")["workers"]) == 2, "two workers")
                assert post(f"{url}/start", users=4, spawn_rate=4)["ok"]
                wait_for(lambda: get_json(f"{url}/state")["state"] == "running" or events(url, "stop"), "the load")
                shop.delay = 0.3
                stopped_at = wait_for(lambda: events(url, "stop"), "its end")[0]
                took.append(stopped_at - (get_json(f"{url}/verdict")["thresholds"][0]["first_failed"] + 1))
                wait_for(lambda: get_json(f"{url}/state")["state"] == "stopped", "the last of its users")
    assert min(took) <= 2, took
