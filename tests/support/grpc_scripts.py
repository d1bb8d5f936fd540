# SPDX-License-Identifier: MIT
"""Scripts in a worker that call a server of bytes (grpc_server.py, tests/peers/grpc), with the package grpc installed and without.

A file of tests imports grpc_run, the fixture run, and has one, ports: what its server printed, JSON, which the scripts have as PORTS.
"""

import textwrap

import pytest
from harness import CLIENTS, run_script

PRELUDE = """
import json, sys, time
import locust, gevent, gevent.queue, _katydid
from locust import events
from locust.env import Environment
from katydid.grpc import Compression, GrpcUser, RpcError, StatusCode, insecure_channel, secure_channel, ssl_channel_credentials

PORTS = json.loads(sys.argv[1])
if _katydid.record_request not in events.request._handlers:
    events.request.add_listener(_katydid.record_request)

def channel(name="plain", **kwargs):
    return insecure_channel(f"127.0.0.1:{PORTS[name]}", **kwargs)

def unary(name, server="plain", **kwargs):
    return channel(server, **kwargs).unary_unary(f"/t.T/{name}")

def rows():
    return {(r["method"], r["name"]): r for r in _katydid.stats_rows()}

def failures():
    return {f["name"]: f["error"] for f in _katydid.stats_failures()}

def counts():
    return json.loads(unary("Count")(b"", name="count"))

def error_of(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except RpcError as error:
        return error
    raise AssertionError("it did not fail")
"""


@pytest.fixture(name="run", params=["with grpcio", "without"])
def grpc_run(request, ports, tmp_path):
    """Runs code after the PRELUDE; more arguments follow the ports."""
    def run(code, *more):
        env = {"VIRTUAL_ENV": str(CLIENTS)} if request.param == "with grpcio" else {}
        run_script(tmp_path, PRELUDE + textwrap.dedent(code), ports, *more, **env)

    return run
