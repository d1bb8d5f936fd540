"""The command as people and pipelines use it: its other name, several files, keys on a terminal, signals, processes."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios

import pytest
from harness import KATYDID, ROOT, STOCK_LOCUST, Process, children, free_port, katydid, run_katydid, wait_for

USERS = """\
from locust import TaskSet, User, constant, task

class {0}(User):
    wait_time = constant(0.1)
    weight = 3

    @task(2)
    def one(self):
        self.environment.events.request.fire(request_type="X", name="one", response_time=1, response_length=0)

    @task
    class Nested(TaskSet):
        @task
        def inner(self):
            self.interrupt()
"""
PYTHON = sys.executable


@pytest.fixture(scope="module")
def locust(tmp_path_factory):
    """The command by its other name."""
    name = tmp_path_factory.mktemp("bin") / "locust"
    name.symlink_to(KATYDID)
    return name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of all kinds; nothing is written into it."""
    path = tmp_path_factory.mktemp("files")
    texts = {
        "good.py": USERS.format("Good"), "twin/other.py": USERS.format("Good"), "twin/good.py": USERS.format("Good"), "a.py": USERS.format("A"), "more/b.py": USERS.format("B"),
        "more/deep/c.py": USERS.format("C"), "more/_hidden.py": USERS.format("Hidden"), "empty.py": "import locust\n",
        "broken.py": "raise ValueError('broken')\n",
        "chart.py": USERS.format("A") + "\nimport locust.stats\nlocust.stats.PERCENTILES_TO_CHART = [1.2]\n",
        "loop.py": "import time\nfrom locust import User, events\n\n@events.init.add_listener\ndef choose(environment, **_):\n    environment.dispatcher_class = Loop\n\nclass Loop(User):\n    def on_start(self):\n        print('going')\n        time.sleep(1000)\n",
        "shape.py": "from locust import LoadTestShape\nclass S(LoadTestShape):\n    def tick(self):\n        return None\n",
        "users.json": '[{"user_class_name": "Good", "host": "http://from.file", "tasks": ["one"]}]',
        "seen.py": USERS.format("Good") + """
import sys
from locust import events

@events.init.add_listener
def show(environment, **kwargs):
    user = environment.user_classes[0]
    print("SEEN", user.weight, user.host, [task.__name__ for task in user.tasks], flush=True)
    sys.exit(0)
""",
    }
    texts["shape2.py"] = texts["shape.py"]
    for name, text in texts.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    (path / "nothing_here").mkdir()
    return path


def run(command, *arguments, **kwargs):
    with Process([command, *arguments], **kwargs) as process:
        process.code = process.wait(90)
        return process


def stock(*arguments, cwd):
    return subprocess.run([STOCK_LOCUST, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd)


def test_the_version_is_in_locusts_form(locust, folder):
    ours, theirs = run(locust, "--version"), stock("--version", cwd=folder)
    form = r"locust 2\.47\.0 from /\S+ \(Python \S+\)\n"
    assert re.fullmatch(form, ours.stdout) and re.fullmatch(form, theirs.stdout), ours.describe()


@pytest.mark.parametrize("more", [[], ["--processes", "2"]])
def test_a_locustfile_sees_the_words_that_were_typed(locust, folder, more):
    (folder / "words.py").write_text("import sys\nfrom locust import User, task\nprint('WORDS', sys.argv, flush=True)\n"
                                     "class One(User):\n    wait_time = lambda self: 9\n    @task\n    def t(self): pass\n")
    words = ["-f", "words.py", "--headless", "-t", "1s", "--exclude-tags", "a b", "ü", *more]
    process = run(locust, *words, cwd=folder)
    seen = [line.rstrip() for line in process.out if line.startswith("WORDS")]
    assert process.code == 0, process.describe()
    assert seen == [f"WORDS {[str(locust), *words]}"] * (3 if more else 1), seen


def test_a_locustfile_that_parses_what_was_typed_meets_no_option_of_ours(folder):
    (folder / "parses.py").write_text("""
import sys
from locust import User, argument_parser, events, task
@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--tenant", default="none")
@events.init.add_listener
def show(**_):
    options = argument_parser.parse_options()
    print("PARSED", options.tenant, options.web_port, options.tags, options.user_classes,
          argument_parser.ui_extra_args_dict()["tenant"]["default_value"], flush=True)
    sys.exit(0)
class One(User):
    @task
    def t(self): pass
""")
    process = run_katydid("-f", "parses.py", "One", "--web-port", "0", "--trace", "0", "-i5", "--fresh-user", "--tenant=acme",
                          "--test-id=a b", "--tags", "x", "y", "--no-history", cwd=folder)
    assert process.code == 0, process.describe()
    assert "PARSED acme 0 ['x', 'y'] ['One'] acme" in process.stdout, process.describe()


def test_processes_are_the_workers_that_are_expected(locust, folder):
    (folder / "expect.py").write_text("""
from locust import User, events, task
@events.test_start.add_listener
def tell(environment, **_):
    options = environment.parsed_options
    print("EXPECTED", type(environment.runner).__name__, options.expect_workers, options.processes, flush=True)
class One(User):
    wait_time = lambda self: 9
    @task
    def t(self): pass
""")
    process = run(locust, "-f", "expect.py", "--headless", "-t", "1s", "--processes", "2", cwd=folder)
    assert process.code == 0, process.describe()
    assert sorted(line.split(None, 1)[1].rstrip() for line in process.out if line.startswith("EXPECTED")) == [
        "MasterRunner 2 2", "WorkerRunner 2 2", "WorkerRunner 2 2"]


@pytest.mark.parametrize("arguments", [
    ["-f", "nowhere.py"], ["-f", "empty.py", "--headless"], ["-f", "broken.py"], ["-f", "good.py", "--headless", "Nobody"],
    ["-f", "good.py", "--master", "--worker"], ["-f", "good.py", "--processes", "2", "--master"], ["-f", "good.py", "--autoquit", "3"],
    ["-f", "good.py", "--csv-full-history"], ["-f", "-"], ["-f", "good.py", "--web-base-path", "x"], ["-f", "good.py", "--nonsense"],
    ["-f", "good.py,twin/other.py"], ["-f", "shape.py,shape2.py"], ["-f", "nothing_here"], ["-f", "chart.py"],
    ["-f", "good.py", "--config-users", '{"user_class_name": "Nobody"}', "--headless"],
    ["-f", "good.py", "--master", "--master-bind-port", "PORT", "--headless", "--expect-workers-max-wait", "1", "--expect-workers", "2"],
])
def test_the_exit_codes_of_locust(locust, folder, arguments):
    arguments = [str(free_port()) if word == "PORT" else word for word in arguments]
    ours = run(locust, *arguments, cwd=folder)
    assert ours.code == stock(*arguments, cwd=folder).returncode, ours.describe()
    assert "katydid:" not in ours.stderr, ours.describe()


def test_python_m_locust_is_the_command(folder):
    paths = [ROOT / "worker" / "pylib", KATYDID.parent / "python"]
    env = {"PYTHONPATH": os.pathsep.join(map(str, paths)), "KATYDID": str(KATYDID)}
    listed = run(PYTHON, "-m", "locust", "-f", "good.py", "-l", cwd=folder, env=env)
    assert (listed.code, listed.stdout) == (0, "Available Users:\n    Good\n"), listed.describe()
    refused = run(PYTHON, "-m", "locust", "-f", "nowhere.py", cwd=folder, env=env)
    assert refused.code == 1 and refused.stderr.startswith("Could not find 'nowhere.py'"), refused.describe()


def test_two_files_of_one_name_are_two(folder):
    ours = run_katydid("-f", "good.py,twin/good.py", "-l", cwd=folder)
    assert ours.code == 1 and "Duplicate user class names: Good is defined in both" in ours.stderr, ours.describe()


def test_a_shape_that_two_files_see_is_one(tmp_path):
    (tmp_path / "base.py").write_text(
        "from locust import LoadTestShape, User, task\nclass Steps(LoadTestShape):\n"
        "    def tick(self): return None\nclass A(User):\n    @task\n    def t(self): pass\n")
    (tmp_path / "more.py").write_text("from base import Steps\n")
    (tmp_path / "other.py").write_text((tmp_path / "base.py").read_text().replace("class A", "class B"))
    assert run_katydid("-f", "base.py,more.py", "-l", cwd=tmp_path).code == 0
    refused = run_katydid("-f", "base.py,other.py", "-l", cwd=tmp_path)
    assert refused.code == 1 and "Duplicate shape classes: Steps" in refused.stderr, refused.describe()


def test_several_files_and_folders(folder):
    ours = run_katydid("-f", "a.py, more", "-l", cwd=folder)
    assert sorted(ours.stdout.split()) == sorted(stock("-f", "a.py, more", "-l", cwd=folder).stdout.split()), ours.describe()
    assert "Hidden" not in ours.stdout and " C\n" in ours.stdout


@pytest.mark.parametrize("option", ["--show-task-ratio", "--show-task-ratio-json"])
def test_task_ratios_are_locusts(folder, option):
    ours, theirs = (each("-f", "good.py", option, "-u", 7, cwd=folder) for each in (run_katydid, stock))
    assert (ours.code, ours.stdout) == (theirs.returncode, theirs.stdout), ours.describe()


def test_attributes_of_config_users_reach_the_class(folder):
    ours = run_katydid("-f", "seen.py", "--headless", "--config-users", '{"user_class_name": "Good", "weight": 9}', "users.json", cwd=folder)
    assert ours.code == 0 and "SEEN 9 http://from.file ['one', 'one']" in ours.stdout, ours.describe()


def test_json_alone_is_on_stdout(folder):
    ours = run_katydid("-f", "good.py", "--headless", "-t", 3, "--json", "--only-summary", cwd=folder)
    assert ours.code == 0 and json.loads(ours.stdout)[0]["name"] == "one", ours.describe()
    assert ours.stderr.index("Shutting down (exit code 0)") < ours.stderr.index("Aggregated"), ours.describe()


def test_processes_share_the_users_and_end_together(folder):
    with katydid("-f", "good.py", "--headless", "-u", 4, "-r", 4, "--processes", 2, "--only-summary", cwd=folder) as ours:
        ours.wait_line(r"All users spawned: .*\(4 total users\)")
        ours.signal(signal.SIGINT)
        assert ours.wait(90) == 0, ours.describe()
    assert "Exiting due to CTRL+C interruption" in ours.stderr and ours.stderr.count("reported as ready. ") == 2, ours.describe()


def test_a_parent_of_workers_passes_signals_on(folder):
    port = free_port()
    with katydid("-f", "good.py", "--worker", "--processes", 2, "--master-port", port, cwd=folder) as workers:
        with katydid("-f", "good.py", "--master", "--master-bind-port", port, "--web-port", 0, cwd=folder) as master:
            master.wait_line(r"2 workers connected")
            workers.signal(signal.SIGINT)
            master.wait_line(r"quit\. 0 workers ready")
            assert workers.wait(90) == 0, workers.describe()


def test_a_parent_of_workers_tells_that_one_was_killed(folder):
    port = free_port()
    with katydid("-f", "good.py", "--master", "--master-bind-port", port, "--web-port", 0, cwd=folder) as master, \
            katydid("-f", "good.py", "--worker", "--processes", 2, "--master-port", port, cwd=folder) as workers:
        master.wait_line(r"2 workers connected")
        os.kill(children(workers.pid)[0], signal.SIGKILL)
        workers.wait_line(r"A worker process ended unexpectedly \(signal 9\)")
        workers.signal(signal.SIGINT)
        assert workers.wait(90) == 137, workers.describe()
        assert workers.stderr.count("ended unexpectedly") == 1, workers.describe()


class Terminal:
    """A command on a terminal of its own, which controls its session or only is its standard input."""

    def __init__(self, *command, env, cwd, controls=True):
        self.fd, self.end = pty.openpty()
        self.before = termios.tcgetattr(self.end)
        self.seen = b""
        self.popen = subprocess.Popen(
            [*map(str, command)], stdin=self.end, stdout=self.end, stderr=self.end, env={**os.environ, **env}, start_new_session=True,
            preexec_fn=lambda: controls and fcntl.ioctl(0, termios.TIOCSCTTY, 0), cwd=cwd)

    def wait_for(self, pattern):
        def look():
            if select.select([self.fd], [], [], 0.1)[0]:
                self.seen += os.read(self.fd, 65536)
            return re.search(pattern, self.seen)
        return wait_for(look, f"{pattern!r} on the terminal")

    def press(self, keys, *patterns):
        self.seen = b""
        os.write(self.fd, keys)
        for pattern in patterns:
            self.wait_for(pattern)

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait(90)
        os.close(self.fd)
        os.close(self.end)


def test_keys_of_the_terminal(folder, tmp_path):
    opened = tmp_path / "opened"
    env = {"BROWSER": f"/bin/sh -c 'echo %s > {opened}'", "PYTHONDONTWRITEBYTECODE": "1"}
    terminal = Terminal(KATYDID, "-f", "good.py", "-P", 0, env=env, cwd=folder)
    try:
        url = terminal.wait_for(rb"Starting web interface at (\S+), press enter").group(1).decode()
        wait_for(lambda: termios.tcgetattr(terminal.end)[3] != terminal.before[3], "keys one by one")
        terminal.press(b"\n")
        wait_for(lambda: opened.exists() and opened.read_text().strip() == url, "the browser")
        terminal.press(b"w", rb"Ramping to 1 users at a rate of 100", rb"All users spawned: [^\n]*\(1 total")
        terminal.press(b"W", rb"Ramping to 11 users", rb"\(11 total")
        terminal.press(b"s", rb"Ramping to 10 users", rb"\(10 total")
        terminal.press(b"S", rb"Ramping to 0 users")
        terminal.press(b"\x03", rb"Exiting due to CTRL\+C interruption", rb"Shutting down \(exit code 0\)")
        assert terminal.popen.wait(90) == 0
        assert termios.tcgetattr(terminal.end)[3] == terminal.before[3], "the terminal is as before"
    finally:
        terminal.close()


def test_keys_of_a_terminal_that_controls_nothing(folder):
    terminal = Terminal(KATYDID, "-f", "good.py", "--headless", "-u", 0, env={}, cwd=folder, controls=False)
    try:
        terminal.wait_for(rb"All users spawned")
        terminal.press(b"w", rb"Ramping to 1 users")
        terminal.popen.send_signal(signal.SIGINT)
        terminal.wait_for(rb"Shutting down \(exit code 0\)")
        assert terminal.popen.wait(90) == 0
    finally:
        terminal.close()


def test_a_class_that_only_starts_and_logs_left_to_the_locustfile(folder):
    ours = run_katydid("-f", "loop.py", "--headless", "-t", 3, "--skip-log-setup", cwd=folder)
    assert ours.code == 0 and ours.stdout == "going\n", ours.describe()
    assert "INFO" not in ours.stderr and "Aggregated" not in ours.stderr, ours.describe()
    assert "dispatcher_class: <class 'loop.Loop'> is not asked" in ours.stderr, ours.describe()
