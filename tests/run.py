"""Runs the test suites named on the command line and ends with one line: "N passed, N failed".

Suites: unit (cmocka programs in BUILD/unit), pylib and integration (pytest), webui (Vitest), e2e (Playwright
in headless Chromium); stores and peers (pytest, with those of others: make outputs-test, make peers-test). A suite that cannot even start counts as one failure, never as nothing.

The short suites go side by side, and so do unit programs. Integration tests mostly wait: several files at a time run in
processes of their own (pytest-xdist), and the tests marked `alone`, which measure, one by one afterwards. They and e2e show each test as it ends.

Processes, sockets and a browser on a crowded machine: when at most SECOND_TRIES tests of integration fail, each is run once more by itself; the same holds
for a file of e2e, whose tests build on each other. What passes then counts as passed and is named as such: it is still a fault to be mended, of the test or of the product.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECOND_TRIES = 4


def run(command, timeout, show=None, **kwargs):
    """(exit code, output); a program that hangs is ended and counts as failed. show gets the output as it comes."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **kwargs) as process:
        late = threading.Timer(timeout, process.kill)
        late.start()
        output = b""
        while part := os.read(process.stdout.fileno(), 65536):
            output += part
            if show:
                show(part.decode(errors="replace"))
        code = process.wait()
        is_late = not late.is_alive()
        late.cancel()
    text = output.decode(errors="replace")
    return (124, f"{text}\n{command[0]}: no end after {timeout} s") if is_late else (code, text)


def write(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def unit_program(program):
    code, output = run([str(program)], 900)
    good = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", output))
    bad = sum(int(n) for n in re.findall(r"\[  FAILED  \] (\d+) test", output))
    if code or not good:
        bad = bad or 1
    write((output if bad else "") + f"  {program.name}: {good} passed, {bad} failed\n")
    return good, bad


def unit(build, only):
    programs = [p for p in sorted((build / "unit").glob("*/*/test_*")) if not p.suffix and (not only or only in p.name)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(unit_program, programs))
    return sum(good for good, _ in results), sum(bad for _, bad in results)


def pytest_cases(report):
    """(tests, ids of those that failed) of a JUnit file; None when pytest did not come to write it. A skipped test has shown nothing: it counts as failed."""
    try:
        cases = list(xml.etree.ElementTree.parse(report).getroot().iter("testcase"))
    except xml.etree.ElementTree.ParseError:
        return None
    if skipped := sum(case.find("skipped") is not None for case in cases):
        print(f"  {skipped} skipped, which counts as failed here")
    # a file that cannot be imported has a case with an empty class name: it cannot be named, and is no test of a second try
    failed = [f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}" for case in cases if any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))]
    return len(cases), failed


def pytest_run(tests, timeout, show, only, more=()):
    """(passed, ids of the failed); what could not even start has the id of nothing."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report.name}", *more, *tests]
        if only:
            command += ["-k", only]
        code, output = run(command, timeout, show, cwd=ROOT)
        if not show:
            write(output if code else f"  {Path(tests[0]).name}: {output.splitlines()[-1]}\n")
        total, failed = pytest_cases(report.name) or (0, [])
    nothing_asked = code == 5 and (only or more)  # pytest's code for "no tests": the pattern or the mark chose those of another run
    if code and not nothing_asked and not failed:
        failed = [""]
    return max(0, total - len(failed)), failed


def second_try(names, passes):
    """The names that fail again; few enough to be worth it, or they stay as they are. passes(name) runs one by itself."""
    if not names or len(names) > SECOND_TRIES or "" in names:
        return names
    write(f"  a second try, one by one, for what failed: {', '.join(names)}\n")
    again = [name for name in names if not passes(name)]
    for name in names:
        if name not in again:
            write(f"  passed at the second try only: {name}\n")
    return again


def pylib(build, only):
    passed, failed = pytest_run(["tests/pylib"], 1200, None, only)
    return passed, len(failed)


def integration(build, only):
    side_by_side = ["-m", "not alone", "-n", str(os.cpu_count() + 1), "--dist", "loadfile"]
    results = [pytest_run(["tests/integration"], 7200, write, only, more) for more in (side_by_side, ["-m", "alone"])]
    passed, failed = sum(passed for passed, _ in results), [name for _, failed in results for name in failed]
    again = second_try(failed, lambda name: not pytest_run([name], 900, write, None)[1])
    return passed + len(failed) - len(again), len(again)


def stores(build, only):
    passed, failed = pytest_run(["tests/stores"], 3600, write, only)
    return passed, len(failed)


def peers(build, only):
    passed, failed = pytest_run(["tests/peers"], 1800, write, only)
    return passed, len(failed)


def api(build, only):
    passed, failed = pytest_run(["tests/api"], 1800, write, only)
    return passed, len(failed)


def types():
    """The page's types, as one test more."""
    code, output = run(["npm", "run", "--silent", "check"], 1200, cwd=ROOT / "webui")
    if code:
        print(output)
    return (0, 1) if code else (1, 0)


def vitest(build, only):
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        code, output = run(["npx", "--no-install", "vitest", "run", "--reporter=json", f"--outputFile={report}"], 1200, cwd=ROOT / "webui")
        if not report.exists():
            print(output)
            return 0, 1
        counts = json.loads(report.read_text())
    if code:
        print(output)
        for file in counts["testResults"]:
            for case in file["assertionResults"]:
                if case["status"] != "passed":
                    print("  failed:", case["fullName"], *case["failureMessages"], sep="\n    ")
    typed, untyped = types()
    failed = counts["numTotalTests"] - counts["numPassedTests"] or (1 if code else 0)
    return counts["numPassedTests"] + typed, failed + untyped


def show_tap(part):
    """A dot for each test of node's output, and the names of those that failed."""
    for line in part.splitlines():
        if match := re.match(r"(not )?ok \d+ - (.*)", line):
            write(f"\n  failed: {match.group(2)}\n" if match.group(1) else ".")


def e2e_file(file, environment):
    """(passed, failed) of the tests of one file."""
    code, output = run(["node", "--test", "--test-reporter=tap", str(file)], 1800, show_tap, cwd=ROOT / "webui", env=environment)
    passed, failed = (sum(int(n) for n in re.findall(rf"^# {word} (\d+)", output, re.M)) for word in ("pass", "fail"))
    if code or not passed:
        print("", output, sep="\n")
        failed = failed or 1
    return passed, failed


def e2e(build, only):
    environment = dict(os.environ, KATYDID_BIN=str(build / "katydid"))
    files = [file for file in sorted((ROOT / "webui/tests/e2e").glob("*.test.mjs")) if not only or only in file.name]
    results = {file.name: e2e_file(file, environment) for file in files}
    print()

    def passes(name):
        results[name] = e2e_file(ROOT / "webui/tests/e2e" / name, environment)
        return not results[name][1]

    second_try([name for name, (_, failed) in results.items() if failed], passes)
    return tuple(map(sum, zip(*results.values(), strict=True))) if results else (0, 0)


SUITES = {
    "unit": unit,
    "pylib": pylib,
    "integration": integration,
    "webui": vitest,
    "e2e": e2e,
    "stores": stores,
    "peers": peers,
    "api": api,
}
SIDE_BY_SIDE = ("unit", "pylib", "webui")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="+", choices=SUITES)
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", help="pattern of the tests to run")
    options = parser.parse_args()
    history = tempfile.TemporaryDirectory()
    os.environ["KATYDID_HISTORY"] = history.name  # nobody's own
    build = (ROOT / options.build).resolve()

    def timed(name):
        write(f"== {name}\n")
        started = time.monotonic()
        passed, failed = SUITES[name](build, options.only)
        write(f"== {name}: {passed} passed, {failed} failed in {time.monotonic() - started:.0f} s\n")
        return passed, failed

    with concurrent.futures.ThreadPoolExecutor(len(SIDE_BY_SIDE)) as pool:
        results = list(pool.map(timed, [name for name in options.suites if name in SIDE_BY_SIDE]))
    results += [timed(name) for name in options.suites if name not in SIDE_BY_SIDE]
    total_passed, total_failed = (sum(result[n] for result in results) for n in (0, 1))
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


if __name__ == "__main__":
    sys.exit(main())
