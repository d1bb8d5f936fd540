"""Scripts that use the clients as a locustfile does, in a worker's Python, against echo_server.py."""

import textwrap

import pytest

import echo_server
from harness import run_script

PRELUDE = """
import gc, json, sys, time
import locust
import gevent, _katydid
from locust import FastHttpUser, HttpUser, events, task
from locust.clients import HttpSession, ResponseContextManager
from locust.contrib.fasthttp import FastHttpSession, HTTPClientPool
from locust.env import Environment
from locust.event import EventHook

URL = sys.argv[1]
if _katydid.record_request not in events.request._handlers:
    events.request.add_listener(_katydid.record_request)
hook = events.request

def session(cls=HttpSession, **kwargs):
    s = cls(URL, hook, None, **kwargs)
    if isinstance(s, HttpSession):
        s.trust_env = False
    return s

def rows():
    return {r["name"]: r for r in _katydid.stats_rows()}

def failures():
    return {(f["name"], f["error"]): f["occurrences"] for f in _katydid.stats_failures()}
"""


@pytest.fixture(name="url", scope="module")
def client_url():
    server, port = echo_server.start()
    yield f"http://127.0.0.1:{port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(name="run")
def client_run(url, tmp_path):
    """Runs code after the PRELUDE."""
    return lambda code: run_script(tmp_path, PRELUDE + textwrap.dedent(code), url)
