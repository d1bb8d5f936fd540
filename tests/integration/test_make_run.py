# SPDX-License-Identifier: MIT
"""What `make run` starts (tests/support/run_example.py): each kind of example with its server, other arguments, Ctrl+C."""

import os
import pty
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import BUILD, ROOT, Process, free_port, get_json, sanitizer_env, wait_for

RUN = [sys.executable, ROOT / "tests" / "support" / "run_example.py", BUILD]
EXAMPLES = sorted(str(path.relative_to(ROOT / "locustfiles").with_suffix("")) for path in (ROOT / "locustfiles").rglob("[!_]*.py"))
KINDS = ["ecommerce", "client/upload", "manual_reporting", "protocols/raw_socket", "protocols/websocket_chat", "protocols/websocket_user", "protocols/grpc_greeter", "protocols/grpc_calls",
         "protocols/mqtt_sensors", "protocols/postgres_rows", "protocols/http2", "debug_one_user", "faker_users"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_how_to_run_it(name):
    text = (ROOT / "locustfiles" / f"{name}.py").read_text().split('"""')[1]
    assert re.search(rf"^    make run EXAMPLE={name}\b", text, re.M), text


def test_each_kind_of_example_runs_with_its_server():
    def start(name):
        more = [] if name == "debug_one_user" else ["--headless", "-u", "2", "-t", "2s"]
        with Process([*RUN, name, *more], env=sanitizer_env() if name == "debug_one_user" else None) as run:
            return run.wait(120), run.stdout + run.stderr

    with ThreadPoolExecutor(4) as pool:
        for name, (code, said) in zip(KINDS, pool.map(start, KINDS), strict=True):
            assert code == 0 and "Traceback" not in said, f"{name}: {said}"
            assert name == "debug_one_user" or re.search(r"Aggregated +[1-9]", said), f"{name}: {said}"


def test_an_unknown_example_names_those_that_there_are():
    with Process([*RUN, "nothing"]) as run:
        assert run.wait() == 1 and "no example nothing" in run.stderr and "client/upload" in run.stderr


def test_arguments_keep_the_shop_and_the_file():
    web = free_port()
    with Process([*RUN, "ecommerce", "-u", "3", f"--web-port={web}"]) as run:
        assert run.wait_line(r"Starting web interface at (\S+),").group(1) == f"http://127.0.0.1:{web}"
        wait_for(lambda: get_json(f"http://127.0.0.1:{web}/stats/requests")["user_count"] == 3, "three users")
        run.signal(signal.SIGTERM)
        assert run.wait() in (0, 143), run.describe()


def test_a_file_of_ones_own_runs_as_given():
    mine = ["-f", ROOT / "locustfiles" / "markov.py", "-H", "http://127.0.0.1:1", "--headless", "-t", "1"]
    with Process([*RUN, "ecommerce", *mine]) as run:
        assert run.wait() == 1, "failures count, as without make"
        assert "shop" not in run.stdout, run.describe()


def test_ctrl_c_reaches_katydid_alone(tmp_path):
    """As make does, a shell waits for it on the same terminal; Ctrl+C ends the test, and the shell goes on."""
    pid, terminal = pty.fork()
    if pid == 0:
        words = " ".join(f"'{word}'" for word in [*RUN, "ecommerce", "--web-port", "0", "-u", "2"])
        os.execvp("sh", ["sh", "-c", f"{words} >{tmp_path}/out 2>&1; echo code $? >{tmp_path}/code"])
    try:
        wait_for(lambda: "All users spawned" in (tmp_path / "out").read_text() if (tmp_path / "out").exists() else False, "the users")
        os.write(terminal, b"\x03")
        assert os.waitpid(pid, 0)[1] == 0
        assert (tmp_path / "code").read_text() == "code 0\n", (tmp_path / "out").read_text()
    finally:
        os.close(terminal)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
@pytest.mark.parametrize("moment", ["Ctrl.C ends both", "All users spawned"])
def test_a_signal_by_pid_ends_everything(name, moment):
    """Of a background job without a terminal, too, which has SIGINT ignored. What is left running fails the test (conftest.py)."""
    background = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    with Process([*RUN, "ecommerce", "--web-port", "0", "-u", "2"], prefix=background) as run:
        run.wait_line(moment)
        run.signal(getattr(signal, name))
        number = int(getattr(signal, name))
        assert run.wait() in ((-number,) if name == "SIGKILL" else (0, 128 + number)), run.describe()
