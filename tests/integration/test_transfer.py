"""`-f -`: workers elsewhere get the locustfile from the master, with the modules it imports from its folder."""

import pytest
from harness import KATYDID, STOCK_LOCUST, Process, free_port, signal

MAIN = """\
from locust import User, constant, events, task
import helper
from pkg.sub import deep

@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--tenant", default="nobody")

class U(User):
    wait_time = constant(0.1)

    @task
    def work(self):
        from pkg import lazy
        name = f"{helper.TEXT}-{deep.TEXT}-{lazy.TEXT}-{self.environment.parsed_options.tenant}"
        self.environment.events.request.fire(request_type="X", name=name, response_time=1, response_length=0)
"""
PLAIN = """\
from locust import User, constant, task

class U(User):
    wait_time = constant(0.1)

    @task
    def work(self):
        self.environment.events.request.fire(request_type="X", name="plain", response_time=1, response_length=0, exception=None, context={})
"""
FILES = {"main_test.py": MAIN, "plain.py": PLAIN, "helper.py": "TEXT = 'help'\n", "pkg/__init__.py": "", "pkg/sub/__init__.py": "",
         "pkg/sub/deep.py": "from ..other import TEXT\n", "pkg/other.py": "TEXT = 'deep'\n", "pkg/lazy.py": "TEXT = 'lazy'\n",
         "unused.py": "raise SystemExit\n"}


@pytest.mark.parametrize("master, workers, file, name", [
    (KATYDID, [KATYDID, KATYDID], "main_test.py", "help-deep-lazy-acme"),
    (KATYDID, [KATYDID, STOCK_LOCUST], "plain.py", "plain"),
    (STOCK_LOCUST, [KATYDID], "plain.py", "plain"),
])
def test_a_run_with_the_masters_file(tmp_path, master, workers, file, name):
    here, there = tmp_path / "here", tmp_path / "there"
    there.mkdir()
    for path, text in FILES.items():
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_text(text)
    port = free_port()
    own = ["--tenant", "acme"] if file == "main_test.py" else []
    with Process([master, "--master", "-f", file, "--headless", "-u", 4, "-r", 4, "--expect-workers", len(workers),
                  "--master-bind-port", port, *own], cwd=here) as lead:
        # Locust puts the file into the folder for temporary files, by its own name: one of another user is in its way there
        started = [Process([worker, "--worker", "-f", "-", "--master-port", port], cwd=there, env={"TMPDIR": str(tmp_path)}) for worker in workers]
        try:
            lead.wait_line(rf"X +{name} +[1-9]")  # in the table, every two seconds
            lead.signal(signal.SIGINT)
            assert lead.wait(90) == 0, lead.describe()
            for worker in started:
                assert worker.wait(90) == 0, worker.describe()
        finally:
            for worker in started:
                worker.stop()
    assert list(there.iterdir()) == []


def test_a_file_that_cannot_be_sent_is_told(tmp_path):
    (tmp_path / "big.py").write_text(PLAIN + f"TEXT = '{'x' * 9_000_000}'\n")
    port = free_port()
    with Process([KATYDID, "--master", "-f", "big.py", "--web-port", 0, "--master-bind-port", port], cwd=tmp_path) as lead:
        lead.wait_line("Starting web interface")
        with Process([KATYDID, "--worker", "-f", "-", "--master-port", port], cwd=tmp_path) as worker:
            assert worker.wait(90) == 64, worker.describe()
            assert "Got error from master" in worker.stderr and "8 MiB" in worker.stderr, worker.describe()
