"""Lines that pipelines and wrappers look for: by the name `locust` they are Locust's to the letter."""

import re
import socket
import subprocess
import sys

import pytest
from harness import KATYDID, STOCK_LOCUST, Process, free_port, signal

SPAN = "Invalid time span format. Valid formats: 20, 20s, 3m, 2h, 1h20m, 3h30m10s, etc."

# What is wrong, the exit code, the last line on stderr.
REFUSED = [
    ("-u abc", 2, "locust: error: argument -u/--users: invalid int value: 'abc'"),
    ("-u", 2, "locust: error: argument -u/--users: expected one argument"),
    ("-r abc", 2, "locust: error: argument -r/--spawn-rate: invalid checker value: 'abc'"),
    ("-r inf", 2, "locust: error: argument -r/--spawn-rate: must be a finite number"),
    ("-r nan", 2, "locust: error: argument -r/--spawn-rate: must be a finite number"),
    ("-r 0", 2, "locust: error: argument -r/--spawn-rate: must be > 0"),
    ("-t 5x", 2, f"locust: error: argument -t/--run-time: {SPAN}"),
    ("-s -3", 2, f"locust: error: argument -s/--stop-timeout: {SPAN}"),
    ("-P abc", 2, "locust: error: argument --web-port/-P: invalid int value: 'abc'"),
    ("--expect-workers 0", 2, "locust: error: argument --expect-workers: Invalid --expect-workers argument (0), must be a positive number"),
    ("--expect-workers x", 2, "locust: error: argument --expect-workers: invalid int value: 'x'"),
    ("-L FOO", 2, "locust: error: argument --loglevel/-L: invalid choice: 'FOO' (choose from 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')"),
    ('--config-users {"host":"a"}', 2, "locust: error: argument --config-users: The user config must specify a user_class_name"),
    ("--slave", 2, "locust: error: argument --slave: The --slave parameter has been renamed --worker"),
    ("--headless=1", 2, "locust: error: argument --headless: ignored explicit argument '1'"),
    ("--csv-full-history", 2, "locust: error: '--csv-full-history' requires '--csv'."),
    ("--autoquit 1", 1, "--autoquit is only meaningful in combination with --autostart"),
    ("--autoquit -3", 1, "--autoquit is only meaningful in combination with --autostart"),
    ("--processes -5", 1, "Invalid --processes count -5"),
    ("--master --processes 2", 1, "--master cannot be combined with --processes. Remove --master, as it is implicit as long as --worker is not set."),
    ("-f -", 1, "locustfile was set to '-' (meaning to download from master) but --worker was not specified."),
    ("--master --worker", 255, "ERROR/locust.main: The --master argument cannot be combined with --worker"),
    ("--web-base-path abc", 1, "ERROR/locust.main: Invalid format for --web-base-path argument (abc): the url path must start with a slash."),
]
# The same, once Python has looked.
LATER = [
    ("-f nope.py", 1, "Could not find 'nope.py'. Ensure your locustfile ends with '.py' or is a directory with locustfiles. See --help for available options."),
    ("-f empty.py", 1, "ERROR/locust.main: No User class found!"),
    ("-f good.py NoSuch", 1, "ERROR/locust.main: Unknown User(s): NoSuch"),
    ('-f good.py --config-users {"user_class_name":"No"}', 255, "ERROR/locust.main: Error applying user config, probably you tried to specify config for a User not present in your locustfile: 'No'"),
]
GOOD = """\
from locust import User, constant, task

class Shopper(User):
    wait_time = constant(0.1)

    @task
    def buy(self):
        self.environment.events.request.fire(
            request_type="X", name="x", response_time=1, response_length=0)
"""
# Of a run that ends by itself; in this order.
LOCAL = [
    "INFO/locust.main: Starting Locust {version}",
    "DEBUG/root: Terminal was not a tty. Keyboard input disabled",
    "INFO/locust.main: Run time limit set to 1 seconds",
    "INFO/locust.runners: Ramping to 2 users at a rate of 200.00 per second",
    'DEBUG/locust.runners: Spawning additional {{"Shopper": 2}} ({{"Shopper": 0}} already running)...',
    "DEBUG/locust.runners: 2 users spawned",
    "DEBUG/locust.runners: All users of class Shopper spawned",
    'INFO/locust.runners: All users spawned: {{"Shopper": 2}} (2 total users)',
    "INFO/locust.main: --run-time limit reached, shutting down",
    "DEBUG/locust.runners: 2 users have been stopped, 0 still running",
    "DEBUG/locust.main: Running teardowns...",
    "INFO/locust.main: Shutting down (exit code 0)",
    "DEBUG/locust.main: Cleaning up runner...",
]
SPREAD = [
    "DEBUG/root: Started child worker with pid #N",
    "INFO/locust.main: Starting Locust {version}",
    "INFO/locust.runners: Sending spawn jobs of 2 users at 200.00 spawn rate to 1 ready workers",
    "DEBUG/locust.runners: Sending spawn messages for 2 total users to 1 worker(s)",
    'INFO/locust.runners: All users spawned: {{"Shopper": 2}} (2 total users)',
    "INFO/locust.main: --run-time limit reached, shutting down",
    "DEBUG/locust.runners: Stopping...",
    "DEBUG/locust.main: Running teardowns...",
    "INFO/locust.main: Shutting down (exit code 0)",
    "DEBUG/locust.runners: Quitting...",
    "DEBUG/locust.runners: Sending quit message to worker ID (index 0)",
]


@pytest.fixture(scope="module")
def locust(tmp_path_factory):
    """The command by its other name, in a folder with files."""
    folder = tmp_path_factory.mktemp("words")
    (folder / "locust").symlink_to(KATYDID)
    (folder / "good.py").write_text(GOOD)
    (folder / "empty.py").write_text("import locust\n")
    return folder / "locust"


def plain(text):
    """The lines, without time, host, and what differs from run to run."""
    for line in text.splitlines():
        line = re.sub(r"^\[[^]]*\] [^/]*/", "", line)
        yield re.sub(r"pid #\d+", "pid #N", re.sub(r"\S+_[0-9a-f]{32}", "ID", line))


def run(locust, *words):
    return subprocess.run([locust, *words], cwd=locust.parent, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=100, check=False)


@pytest.mark.parametrize("words, code, line", REFUSED + LATER)
def test_refusals(locust, words, code, line):
    end = run(locust, *words.split())
    assert (end.returncode, list(plain(end.stderr))[-1:]) == (code, [line])


@pytest.mark.parametrize("more, expected", [((), LOCAL), (("--processes", "1"), SPREAD)])
def test_a_run(locust, more, expected):
    version = subprocess.run([locust, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    end = run(locust, "-f", "good.py", "--headless", "-u", "2", "-r", "200", "-t", "1", "-L", "DEBUG", "--only-summary", *more)
    lines = list(plain(end.stderr))
    at = 0
    for line in expected:
        line = line.format(version=version)
        assert line in lines[at:], end.stderr
        at = lines.index(line, at) + 1
    assert end.returncode == 0
    is_high = "WARNING/locust.runners: Your selected spawn rate is very high (>100%s), and this is known to sometimes cause issues. Do you really need to ramp up that fast?"
    assert is_high % ("/worker" if more else "") in lines


# Of the first word, as Locust 2.47 has it, and all of them are named.
UNKNOWN = [
    ("--user-count=5", None), ("--csv-file=a", "--json-file"), ("--hatch", "--html"), ("--worker-host=1", "--web-host"), ("--json-out=x", "--json"),
    ("--headles5 --spawnrate=5", "--headless"), ("--zzz", None), ("-Z", None), ("--zzz --headles5", None),
]


@pytest.mark.parametrize("words, near", UNKNOWN)
def test_unknown_options(locust, words, near):
    end = run(locust, "-f", "good.py", *words.split(), "--headless", "-t", "1")
    asked = f"\nDid you mean '{near}'?" if near else ""
    assert (end.returncode, end.stderr) == (2, f"locust: error: unrecognized arguments: {words}{asked}\n")


HOSTLESS = """\
from locust import HttpUser, task

class Visitor(HttpUser):
    @task
    def visit(self):
        self.client.get("/")
"""
LOGGED = GOOD + """
from locust import events
from locust.contrib.csv_request_logger import CsvRequestLogger

events.init.add_listener(lambda environment, **_: CsvRequestLogger("requests.csv").register(environment))
"""


def run_file(locust, text, *words):
    (locust.parent / "this.py").write_text(text)
    end = run(locust, "-f", "this.py", *words)
    return end.returncode, list(plain(end.stderr))


def test_a_test_without_a_host(locust):
    code, lines = run_file(locust, HOSTLESS, "--headless", "-t", "5")
    at = lines.index("ERROR/locust.runners: You must specify the base host. Either in the host attribute in the User class, "
                     "or on the command line using the --host option.")
    assert lines[at + 1] == "WARNING/locust.runners: Stopping Locust..."
    assert code == 0 and "INFO/locust.main: Shutting down (exit code 0)" in lines


def test_the_page_cannot_have_its_port(locust):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _ = run_file(locust, GOOD, "--web-host", "127.0.0.1", "--web-port", str(port))
    assert code == 2


def test_a_certificate_without_a_key_is_not_used(locust):
    code, lines = run_file(locust, GOOD, "--tls-cert", "no.pem", "--web-host", "127.0.0.1", "--web-port", str(free_port()),
                           "--autostart", "-t", "1", "--autoquit", "-3")
    assert code == 0 and any("Starting web interface at http://127.0.0.1:" in line for line in lines)
    assert "INFO/locust.main: --autoquit time reached, shutting down" in lines


def test_percentiles_of_reports_that_are_no_floats(locust):
    code, lines = run_file(locust, "from locust import stats\nstats.PERCENTILES_TO_REPORT = [95]\n" + GOOD, "--headless", "-t", "1")
    has_no_method = "AttributeError: 'int' object has no attribute 'is_integer'" in lines
    assert (code, has_no_method) == ((0, False) if sys.version_info >= (3, 12) else (1, True))  # in Locust too


@pytest.mark.parametrize("given, words", [
    ("[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]", "stats.PERCENTILES_TO_CHART parameter should be a maximum of 6 parameters "),
    ("[0.5, 95]", "stats.PERCENTILES_TO_CHART parameter need to be float and value between. 0 < percentile < 1 Eg 0.95"),
])
def test_percentiles_of_the_chart_that_are_refused(locust, given, words):
    arguments = ["-f", "chart.py", "--headless", "-t", "1"]
    (locust.parent / "chart.py").write_text(f"from locust import stats\nstats.PERCENTILES_TO_CHART = {given}\n" + GOOD)
    for end in (run(locust, *arguments), subprocess.run([STOCK_LOCUST, *arguments], cwd=locust.parent, capture_output=True, text=True, check=False)):
        assert end.returncode == 1 and words in end.stderr.splitlines(), end.stderr


def test_lines_of_the_request_log_and_of_playwright(locust, monkeypatch):
    monkeypatch.setenv("LOCUST_PLAYWRIGHT", "1")
    (locust.parent / "this.py").write_text(LOGGED)
    end = run(locust, "-f", "this.py", "--headless", "-t", "1", "-L", "DEBUG")
    module = "DEBUG/locust.contrib.csv_request_logger: CsvRequestLogger:"
    lines = [line for line in plain(end.stderr) if module in line]
    assert lines == [f"{module} writing per-request log to requests.csv", f"{module} closed requests.csv"]
    assert end.stdout.count("LOCUST_PLAYWRIGHT setting is no longer needed") == 1, end.stdout
    assert end.returncode == 0


def test_workers_that_do_not_come(locust):
    end = run(locust, "-f", "good.py", "--headless", "--master", "--master-bind-port", "0", "--expect-workers-max-wait", "1", "-L", "DEBUG")
    lines = list(plain(end.stderr))
    assert "DEBUG/root: Waiting for workers to be ready, 0 of 1 connected" in lines
    assert "ERROR/locust.main: Gave up waiting for workers to connect" in lines
    assert end.returncode == 1


def test_a_worker_elsewhere(locust):
    port = free_port()
    where = {"cwd": locust.parent}
    with Process([locust, "-f", "good.py", "--headless", "--master", "--master-bind-port", port], **where) as lead:
        with Process([locust, "-f", "good.py", "--worker", "--master-port", port], **where) as worker:
            lead.wait_line("All users spawned")
            worker.signal(signal.SIGTERM)
            assert worker.wait() == 0, worker.describe()
            lines = list(plain(worker.stderr))
            version = subprocess.run([locust, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
            for line in (f"Starting Locust {version}", "Got SIGTERM signal", "Shutting down (exit code 0)"):
                assert f"INFO/locust.main: {line}" in lines, worker.describe()


def test_a_worker_process_that_ends_with_a_code(locust):
    text = GOOD + "import sys\nfrom locust import events\nfrom locust.runners import WorkerRunner\n\n" \
        "events.test_start.add_listener(lambda environment, **_: isinstance(environment.runner, WorkerRunner) and sys.exit(42))\n"
    code, lines = run_file(locust, text, "--headless", "--processes", "2", "-u", "1", "-t", "2")
    assert "ERROR/root: Bad response code from worker children: 42" in lines, (code, lines)
