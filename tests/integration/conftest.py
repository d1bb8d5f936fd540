"""Integration tests run real processes; tests/support is importable, and nothing may be left running."""

import collections
import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import harness  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored, and so would its children


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: measures, and so wants the machine to itself; the others run several files at a time")


def pytest_collection_modifyitems(items):
    """Large files first: they are handed out one after the other, and the last to begin should be short."""
    sizes = collections.Counter(item.path for item in items)
    items.sort(key=lambda item: (-sizes[item.path], str(item.path)))


@pytest.fixture(autouse=True)
def nothing_left_running():
    before = set(harness.children(os.getpid()))
    yield
    left = [pid for pid in set(harness.children(os.getpid())) - before if harness.is_alive(pid)]
    assert not left, f"processes left running: {left}"
