"""What a test must not leave behind is seen (tests/support/leftovers.py)."""

import os
import signal
import socket
import subprocess
import sys

import pytest
from harness import Process, wait_for
from leftovers import Before

WORDS = [
    "==7==ERROR: AddressSanitizer: heap-use-after-free", "mem.c:1:2: runtime error: signed integer overflow", "x: mem.c:3: f: Assertion `n > 0' failed.",
    "out of memory: 64 bytes were refused", "Fatal Python error: Segmentation fault", "[warn] Epoll MOD(1) on fd 7 failed",
    "[2026-01-01 00:00:00,000] vm/CRITICAL/katydid: Internal error in <Greenlet>", "NameError: name '_silence_s' is not defined",
]


@pytest.mark.tells(".")
@pytest.mark.parametrize("word", WORDS)
def test_words_that_tell_of_a_fault(tmp_path, word):
    before = Before(tmp_path)
    with Process([sys.executable, "-c", f"import sys; print({word!r}, file=sys.stderr); print('fine')"]) as said:
        said.wait()
    assert [word in each for each in before.words()] == [True]
    assert before.words(allowed="[a-zA-Z]") == []
    assert Before(tmp_path).words() == []  # the next test's


@pytest.mark.tells("ended by signal")
def test_a_crash_and_a_report_that_nobody_read(tmp_path):
    before = Before(tmp_path)
    with Process([sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(signal.SIGABRT)})"]) as crashed:
        crashed.wait()
    (tmp_path / "report.7").write_text("WARNING: ThreadSanitizer: data race")
    report, crash = before.words()
    assert "data race" in report and "ended by signal 6" in crash
    assert [each for each in before.words(allowed="ended by signal")] == []


def test_a_process_and_a_socket(tmp_path):
    before = Before(tmp_path, patience_s=0.2)
    parent = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!"], stdout=subprocess.PIPE, text=True)
    orphan = int(parent.stdout.readline())
    parent.wait()
    wait_for(lambda: orphan in map(int, open(f"/proc/self/task/{os.getpid()}/children").read().split()), "the orphan")
    left = before.processes()
    os.kill(orphan, signal.SIGKILL)
    assert len(left) == 1 and "sleep" in left[0] and before.processes() == []
    listener = socket.create_server(("127.0.0.1", 0))
    opened = before.open_descriptors()
    parent.stdout.close()
    listener.close()
    assert sum("socket:" in each for each in opened) == 1 and before.open_descriptors() == []
