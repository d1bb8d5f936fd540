"""Integration tests run real processes; tests/support is importable, and a test leaves nothing behind (leftovers.py)."""

import collections
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import leftovers  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored, and so would its children
signal.signal(signal.SIGHUP, lambda *_: None)  # nohup is for this process: those that the tests start have the system's answer again
REPORTS = leftovers.watch()
HISTORY = tempfile.TemporaryDirectory()  # of a pytest that tests/run.py has not started: nobody's own history
os.environ.setdefault("KATYDID_HISTORY", HISTORY.name)


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures, and so wants the machine to itself; the others run several files at a time")
    config.addinivalue_line("markers", "tells(pattern): a program of this test tells of a fault, and should")


def pytest_collection_modifyitems(items):
    """Large files first: they are handed out one after the other, and the last to begin should be short."""
    sizes = collections.Counter(item.path for item in items)
    items.sort(key=lambda item: (-sizes[item.path], str(item.path)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.when == "call":
        item.has_passed = report.passed


@pytest.fixture(autouse=True)
def nothing_left_behind(request):
    before = leftovers.Before(REPORTS)
    yield
    told = request.node.get_closest_marker("tells")
    words = before.words(told and told.args[0])
    assert not words, "faults were told of:\n" + "\n".join(words)
    left = before.processes()
    assert not left, "processes left running:\n" + "\n".join(left)
    if request.node.has_passed:  # else its frames are kept, and what they hold
        open_files = before.open_descriptors()
        assert not open_files, "descriptors left open:\n" + "\n".join(open_files)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """One of localhost, self-signed, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key
