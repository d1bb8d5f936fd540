# SPDX-License-Identifier: MIT
"""Whatever a user sees of a request is what stock Locust shows: the same probe runs under both."""

import json
import subprocess

import pytest
from harness import PATIENCE, VENV, WORKER, free_port

import echo_server

ROOT = echo_server.__file__.rpartition("/")[0]


@pytest.fixture(scope="module")
def servers(certificate):
    plain, tls = echo_server.start(), echo_server.start(certificate)
    yield plain[1], tls[1]
    for server, _ in (plain, tls):
        server.shutdown()
        server.server_close()


def probe(command, kind, servers, closed, certificate):
    plain, tls = servers
    out = subprocess.run(
        [*map(str, command), f"{ROOT}/client_probe.py", kind, f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}",
         str(closed), str(certificate[0])],
        capture_output=True, text=True, timeout=PATIENCE * 3)
    assert out.returncode == 0, out.stderr[-3000:]
    return json.loads(out.stdout)


@pytest.mark.parametrize("kind", ["http", "fast"])
def test_same_as_stock_locust(kind, servers, certificate):
    closed = free_port()
    theirs = probe([VENV / "bin" / "python"], kind, servers, closed, certificate)
    ours = probe([WORKER, "--python"], kind, servers, closed, certificate)
    assert list(ours) == list(theirs)
    different = {name: (theirs[name], ours[name]) for name in theirs if theirs[name] != ours[name]}
    assert not different, json.dumps(different, indent=1)[:5000]


def test_either_library_that_requests_brings_guesses_a_character_set(tmp_path):
    """Ubuntu 24.04's requests brings chardet, others charset_normalizer."""
    script = tmp_path / "guess.py"
    script.write_text("import requests, sys\nfrom types import SimpleNamespace\nfrom locust._http.fast_parts import fast_plain_text\n"
                      "sys.modules['charset_normalizer'] = None\nprint(fast_plain_text(SimpleNamespace(content=b'until close', encoding=None, headers={})))")
    out = subprocess.run([WORKER, "--python", script], capture_output=True, text=True, timeout=PATIENCE)
    assert out.stdout == "until close\n", out.stderr
