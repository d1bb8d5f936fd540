# SPDX-License-Identifier: MIT
"""Servers whose reflection means harm (tests/support/grpc_liar.py): each lie costs the user that asked one error with words for it;
services that are described well can be called meanwhile and afterwards."""

import subprocess
import textwrap

import pytest
from harness import CLIENTS, ROOT, Process, locustfile, run_katydid

LIES = {  # what the error says
    "Endless": "has no method Other: it has Call",  # the first answer is one, and the rest is not waited for
    "Huge": "RESOURCE_EXHAUSTED",
    "Heavy": "more than 20000 names",
    "Crowd": "too much",
    "Circle": "does not hold together",
    "Self": "does not hold together",
    "Deep": "more than 100 deep",
    "Wide": "too much",
    "Liar": "there is no service h.Liar",
    "Typeless": "does not hold together",
    "Junk": "what should describe a file does not",
    "Empty": "there is no service h.Empty",
    "Nothing": "there is no service h.Nothing",
    "Words": "h.Words: xxx",
    "Known": "has no method Other: it has Call",
    "Slow": "h.Slow: there is no Slow",
    "Broken": "DATA_LOSS",
    "None": "h.None: there is no None",
}

USERS = """
    from katydid.grpc import GrpcUser
    from locust import task

    class Asker(GrpcUser):
        @task
        def ask(self):
            for lie, words in LIES.items():
                try:
                    self.grpc.call(f"h.{lie}/Other")
                except Exception as error:
                    said = str(error) + repr(error)
                    if words not in said or len(said) > 10_000:
                        print("WRONG", lie, said[:500], flush=True)
                else:
                    print("BELIEVED", lie, flush=True)
                self.grpc.call("h.Fine/Call")
"""


@pytest.fixture(scope="module")
def liar():
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "grpc_liar.py"], stdin=subprocess.PIPE) as server:
        yield server.wait_line(r"^\d+$").group(0)


def test_lies_cost_who_asks_one_error_each(liar):
    code = f"LIES = {LIES!r}\n" + textwrap.dedent(USERS)
    with locustfile(code) as file:
        done = run_katydid("-f", file, "-H", f"127.0.0.1:{liar}", "--headless", "-u", 2, "-r", 2, "-i", 2, "-t", 300, env={"VIRTUAL_ENV": str(CLIENTS)}, timeout=400)
    said = done.stdout + done.stderr
    assert "WRONG" not in said and "BELIEVED" not in said and "Traceback" not in said, done.describe()
    row = [line.split() for line in said.splitlines() if "/h.Fine/Call" in line and "(" in line][-1]
    assert row[2] == str(2 * len(LIES)), row
