# SPDX-License-Identifier: MIT
"""What a run writes: files, and lines of several processes on one stream."""

import contextlib
import csv
import fcntl
import json
import os
import re
import signal
import subprocess

import pytest

from harness import BUILD, KATYDID, PATIENCE, free_port, get_json, katydid, locustfile, run_katydid, target, wait_for

USER = '''
from locust import HttpUser, constant, task
class U(HttpUser):
    wait_time = constant(0.2)
    @task
    def t(self):
        self.client.get("/")
'''
FOR_MASTERS = '''
from locust import User, events, task
from locust.exception import StopTest
from locust.runners import WorkerRunner

class Idle(User):
    @task
    def nothing(self): pass

@events.init.add_listener
def begin(environment, **_):
    if isinstance(environment.runner, WorkerRunner):
        raise StopTest("no licence here")
'''
PRINTS = '''
import logging, sys, time
from locust import User, constant, task
class U(User):
    @task
    def t(self):
        print("P" * 300, "in", "pieces")
        print("E" * 300, "in", "pieces", file=sys.stderr)
        sys.stdout.write("W" * 6000 + " long\\n")
        logging.info("L" * 9000 + " long")
        time.sleep(0.01)
'''
WHOLE = r"P{300} in pieces|E{300} in pieces|W{6000} long|\[[^\]]*\] \S+: L{9000} long"


def test_folders_are_made_and_rates_keep_their_fraction(tmp_path):
    with target() as shop, locustfile(USER) as file:
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 2, "-r", 1.5, "-t", 1, "--json-file", "a/b/j",
                          "--html", "c/d/r_{u}_{r}_{t}.html", "--logfile", "e/f/l.log", "--csv", "g/h/p", cwd=tmp_path)
    assert run.code == 0, run.describe()
    for path in ("a/b/j.json", "c/d/r_2_1.5_1.html", "e/f/l.log", "g/h/p_stats.csv"):
        assert (tmp_path / path).stat().st_size > 0, path


@pytest.mark.parametrize("option", ["--csv", "--logfile", "--json-file", "--html"])
def test_a_full_disk_is_told(tmp_path, option):
    """/dev/full is a disk without room; a link leads there under the name that is written."""
    ending = {"--csv": "_stats.csv", "--json-file": ".json"}.get(option, "")
    os.symlink("/dev/full", tmp_path / f"o{ending}")
    with target() as shop, locustfile(USER) as file:
        run = run_katydid("-f", file, "-H", shop.url, "--headless", "-u", 1, "-t", 1, "--only-summary", option, tmp_path / "o")
    assert run.code == 74 and "No space left" in run.stderr and "Traceback" not in run.stderr, run.describe()


def test_a_disk_that_stands_still_delays_nothing(tmp_path):
    gate, web = tmp_path / "gate", free_port()
    disk = {"LD_PRELOAD": str(BUILD / "support" / "slow_disk.so"), "SLOW_DISK": str(tmp_path / "o"), "SLOW_DISK_WHILE": str(gate)}
    files = ("--csv", tmp_path / "o", "--html", tmp_path / "o.html", "--json-file", tmp_path / "o", "--logfile", tmp_path / "o.log")

    def logged(words):
        wait_for(lambda: (tmp_path / "o.log").exists() and words in (tmp_path / "o.log").read_text(), words)

    def goes_on(what):
        state = lambda: get_json(f"http://127.0.0.1:{web}/api/v1/state")["tick"]
        before = state()
        wait_for(lambda: state() > before + 2, what)

    with target() as shop, locustfile(USER) as file, katydid(
            "-f", file, "-H", shop.url, "--autostart", "-u", 2, "-r", 2, "--web-port", web, *files, env=disk) as run:
        try:
            logged("All users spawned")
            wait_for(lambda: "GET,/" in (tmp_path / "o_stats.csv").read_text(), "a table")
            gate.touch()
            sent = shop.log()["requests"]
            goes_on("the page's ticks while the disk stands still")
            wait_for(lambda: shop.log()["requests"] > sent + 10, "the load, which goes on")
            run.signal(signal.SIGINT)
            goes_on("the page while the files are waited for")
            assert run.popen.poll() is None and "Shutting down" not in (tmp_path / "o.log").read_text()
        finally:
            gate.unlink(missing_ok=True)
        assert run.wait() == 0, run.describe()
        logged("Shutting down")
    rows, history = (list(csv.reader((tmp_path / f"o_{name}.csv").open())) for name in ("stats", "stats_history"))
    reported = json.loads((tmp_path / "o.json").read_text())[0]["num_requests"]
    assert reported > sent and reported == int(rows[-1][2]) == int(history[-1][history[0].index("Total Request Count")])
    assert {len(row) for row in history} == {len(history[0])}
    assert (tmp_path / "o.html").read_text().endswith("</html>\n")


@pytest.mark.parametrize("into", ["pipe", "file"])
def test_lines_of_several_processes_stay_whole(tmp_path, into):
    with locustfile(PRINTS) as file:
        command = f"'{KATYDID}' -f '{file}' --headless --only-summary --processes 4 -u 4 -r 4 -t 2 2>&1"
        command += " | (sleep 2; cat)" if into == "pipe" else ""
        with open(tmp_path / "out", "wb") as out:
            subprocess.run(["bash", "-c", command], stdout=out, check=True, timeout=PATIENCE, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    lines = [line for line in (tmp_path / "out").read_text().splitlines() if re.search("[PEWL]{9}", line)]
    torn = [line for line in lines if not re.fullmatch(WHOLE, line)]
    assert len(lines) > 100 and not torn, torn[:3]


TALKS = '''
import logging
from locust import HttpUser, constant, task
class U(HttpUser):
    wait_time = constant(0.02)
    @task
    def t(self):
        self.client.get("/")
        print("printed", "p" * 200)
        logging.info("logged %s", "l" * 200)
'''


@pytest.fixture
def unread():
    """A pipe of one page that nobody reads until the test does."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    yield read, write
    for end in (read, write):
        with contextlib.suppress(OSError):
            os.close(end)


def test_a_pipe_that_nobody_reads_holds_up_no_run(unread):
    read, write = unread
    with target() as shop, locustfile(TALKS) as file:
        command = [KATYDID, "-f", file, "-H", shop.url, "--headless", "--processes", "2", "-u", "4", "-r", "4"]
        run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=write, stderr=write)
        try:
            os.close(write)
            wait_for(lambda: shop.log()["requests"] > 400, "requests while nobody reads")
            run.send_signal(signal.SIGINT)
            text = b"".join(iter(lambda: os.read(read, 65536), b"")).decode()
            assert run.wait(PATIENCE) == 0, text[-3000:]
        finally:
            run.kill()
            run.wait()
        requests = shop.log()["requests"]
    lines = text.splitlines()
    ends = [text.index(words) for words in ("Shutting down (exit code 0)", "Response time percentiles")]
    assert ends == sorted(ends) and text.index("# reqs") < ends[0], text[-3000:]
    assert lines.count("printed " + "p" * 200) + sum(line.endswith("logged " + "l" * 200) for line in lines) > 700
    told = re.findall(r"^ +Aggregated +(\d+) +\d+\(|^(\d+) requests? (?:was|were) cut off", text[ends[0] :], re.MULTILINE)
    assert sum(int(reported or cut) for reported, cut in told) == requests, text[ends[0]:]


def test_what_is_wrong_is_said_once_by_all_processes_together():
    with locustfile(USER) as file:
        run = run_katydid("-f", file, "--headless", "--processes", "4", "NoSuchUser")
    assert run.code == 66 and run.stderr.count("NoSuchUser") == 1, run.describe()


def test_workers_without_a_host_say_once_what_is_wrong():
    with locustfile("raise SystemExit('not on this machine')") as file:
        run = run_katydid("-f", file, "--worker", "--processes", "3", "--master-port", str(free_port()))
    assert run.code == 1 and run.stderr.count("not on this machine") == 1, run.describe()


def test_workers_say_once_what_their_host_does_not_mind():
    with locustfile(FOR_MASTERS) as file, katydid("-f", file, "--headless", "--processes", "3") as run:
        wait_for(lambda: run.stderr.count("before it could join") == 3, "the ends of all workers")
        assert run.stderr.count("no licence here") == 1, run.describe()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(tmp_path, closed):
    with locustfile(PRINTS) as file:
        command = f"'{KATYDID}' -f '{file}' --headless -u 1 -t 1s --logfile '{tmp_path}/log' --csv '{tmp_path}/o' {closed}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0 and "Traceback" not in (tmp_path / "log").read_text()
    assert (tmp_path / "o_stats.csv").read_text().startswith("Type,Name")


def test_a_reader_that_goes_away_leaves_no_traceback():
    with locustfile(USER) as file:
        done = subprocess.run(["bash", "-c", f"'{KATYDID}' -f '{file}' --list | head -0"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.stderr == "", done.stderr


def test_only_who_sends_must_know_the_target():
    """A master sends nothing; and a proxy looks up the name for us."""
    port = str(free_port())
    through = "    def on_start(self): self.client.proxies = {'http': '%s'}\n"
    with target() as server, locustfile(USER) as plain, locustfile(USER + through % server.url) as proxied:
        with katydid("-f", proxied, "--worker", "--master-port", port):
            run = run_katydid("-f", plain, "--master", "--master-bind-port", port, "-H", "http://only-workers-know.invalid",
                              "--headless", "--expect-workers", "1", "-u", "1", "-t", "1s", "--only-summary")
        assert run.code == 0 and "resolve" not in run.stderr, run.describe()
        run = run_katydid("-f", proxied, "-H", "http://only-the-proxy-knows.invalid", "--headless", "-u", "1", "-t", "1s", "--only-summary")
        assert run.code == 0 and "GET" in run.stderr, run.describe()
