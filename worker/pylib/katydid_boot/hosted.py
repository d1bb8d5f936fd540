# SPDX-License-Identifier: MIT
"""A worker that is a process of an ordinary Python: the part of worker/py/embed.c where Python is not embedded, as in the wheel.

packaging/wheel/katydid-worker starts Python for it, with the same settings that embed.c has.
"""
import os
import signal
import sys

USAGE = """\
{0} - the load generator of katydid

  katydid-worker --config FILE          run as katydid told in FILE (see docs/wire.md)
  katydid-worker --python FILE [ARG …]  run a Python script on the worker's loop
  katydid-worker --version | --help

To start a worker for a master on another machine: katydid --worker --master-host HOST
"""


def main():
    sys.exit(_run(*sys.argv[1:]))


def _run(word="", *rest):
    import katydid_boot

    if word == "--config" and len(rest) == 1:
        return _as_worker(katydid_boot.run_worker, rest)
    if word == "--python" and rest:
        return _as_worker(katydid_boot.run_script, rest)
    if word == "--version" and len(rest) <= 1:
        name = rest[0] if rest else f"katydid-worker {_version()}"
        print(f"{name} (Python {sys.version.partition(' ')[0]})")
        return 0
    is_help = word in ("--help", "-h")
    print(USAGE.format(f"katydid-worker {_version()}"), end="", file=sys.stdout if is_help else sys.stderr)
    return 0 if is_help else 2


def _version():
    return _core().VERSION


def _as_worker(run, words):
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as embedded: Python's own handler is for programs with a terminal
    if os.environ.get("GLIBC_TUNABLES") == "glibc.malloc.hugetlb=1":
        del os.environ["GLIBC_TUNABLES"]  # not for what the user's code starts
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.argv[:] = words
    core = _core()
    core.begin_process()
    code = run(list(words))
    core.end_process(code & 0xFF)
    return code


def _core():
    try:
        import _katydid
    except ImportError as error:
        sys.exit("katydid-worker: its core is not for this Python ({} {}): {}. Install the wheel anew with this Python's pip.".format(
            sys.executable, sys.version.partition(" ")[0], error))
    return _katydid
