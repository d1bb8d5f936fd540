"""Integration tests run real processes; tests/support is importable, and nothing may be left running."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import harness  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored, and so would its children


@pytest.fixture(autouse=True)
def nothing_left_running():
    before = set(harness.children(os.getpid()))
    yield
    left = [pid for pid in set(harness.children(os.getpid())) - before if harness.is_alive(pid)]
    assert not left, f"processes left running: {left}"
