# SPDX-License-Identifier: MIT
"""Scripts in a worker that ask h2_server.py by HTTP/2. A file of tests imports http2_ports and http2_run, the fixtures ports and run."""

import textwrap

import pytest
from harness import CLIENTS, ROOT, Process, run_script

PRELUDE = """
import json, sys
import locust
import gevent, _katydid
from locust import FastHttpUser, HttpUser, events
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

PLAIN, TLS, OLD, ONE, NARROW = (f"http{'s' if name in ('tls', 'old') else ''}://127.0.0.1:{json.loads(sys.argv[1])[name]}"
                        for name in ("plain", "tls", "old", "one", "narrow"))
WIDE, ASKS = (f"http{'s' if name == 'asks' else ''}://127.0.0.1:{json.loads(sys.argv[1])[name]}"
              for name in ("wide", "asks"))
if _katydid.record_request not in events.request._handlers:
    events.request.add_listener(_katydid.record_request)

class User:
    def __init__(self, http2):
        self.http2 = http2

    def context(self):
        return {}

def session(url, http2=None, cls=HttpSession):
    s = cls(url, events.request, User(http2 if http2 is not None else url.startswith("https") or "prior-knowledge"))
    if cls is HttpSession:
        s.trust_env = s.verify = False
    return s

def rows():
    return {r["name"]: r for r in _katydid.stats_rows()}

def failures():
    return {f["name"]: f["error"] for f in _katydid.stats_failures()}

def log(s=None):
    return json.loads((s or session(PLAIN)).get("/log", name="log").text)
"""


@pytest.fixture(name="ports")
def http2_ports(certificate):
    with Process([CLIENTS / "bin" / "python", ROOT / "tests" / "support" / "h2_server.py", *certificate]) as server:
        yield server.wait_line(r"^\{.*\}$").group(0)


@pytest.fixture(name="run")
def http2_run(ports, tmp_path):
    """Runs code after the PRELUDE; more arguments follow the ports."""
    def run(code, *more, **env):
        run_script(tmp_path, PRELUDE + textwrap.dedent(code), ports, *more, **env)

    return run
