"""Runs the test suites named on the command line and ends with one line: "N passed, N failed".

Suites: unit (cmocka programs in BUILD/unit), pylib and integration (pytest), webui (Vitest), e2e (Playwright
in headless Chromium). A suite that cannot even start counts as one failure, never as nothing.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(command, timeout, **kwargs):
    """(exit code, output); a program that hangs is ended and counts as failed."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, errors="replace", **kwargs) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            return 124, f"{output}\n{command[0]}: no end after {timeout} s"
        return process.returncode, output


def unit(build, only):
    passed = failed = 0
    for program in sorted((build / "unit").glob("test_*")):
        if program.suffix or (only and only not in program.name):
            continue
        code, output = run([str(program)], 900)
        good = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", output))
        bad = sum(int(n) for n in re.findall(r"\[  FAILED  \] (\d+) test", output))
        if code and not bad:
            bad = 1
        if bad or not good:
            bad = bad or 1
            print(output)
        print(f"  {program.name}: {good} passed, {bad} failed")
        passed, failed = passed + good, failed + bad
    return passed, failed


def pytest_suite(folder, timeout):
    def suite(build, only):
        with tempfile.NamedTemporaryFile(suffix=".xml") as report:
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report.name}", str(ROOT / "tests" / folder)]
            if only:
                command += ["-k", only]
            code, output = run(command, timeout, cwd=ROOT)
            print(output if code else output.splitlines()[-1])
            try:
                counts = xml.etree.ElementTree.parse(report.name).getroot().find("testsuite").attrib
            except (xml.etree.ElementTree.ParseError, AttributeError):
                return 0, 1
        failed = int(counts["failures"]) + int(counts["errors"])
        passed = int(counts["tests"]) - failed - int(counts["skipped"])
        if int(counts["skipped"]):
            print(f"  {folder}: {counts['skipped']} skipped, which counts as failed here")
            failed += int(counts["skipped"])
        nothing_asked = only and code == 5  # pytest's code for "no tests": the pattern names tests of another suite
        return passed, failed or (1 if code and not nothing_asked else 0)

    return suite


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
    return counts["numPassedTests"], counts["numTotalTests"] - counts["numPassedTests"] or (1 if code else 0)


def e2e(build, only):
    environment = dict(os.environ, KATYDID_BIN=str(build / "katydid"))
    code, output = run(["npm", "run", "--silent", "e2e"], 3600, cwd=ROOT / "webui", env=environment)
    passed = sum(int(n) for n in re.findall(r"^# pass (\d+)", output, re.M)) or sum(int(n) for n in re.findall(r"(\d+) passed", output))
    failed = sum(int(n) for n in re.findall(r"^# fail (\d+)", output, re.M)) or sum(int(n) for n in re.findall(r"(\d+) failed", output))
    if code or not passed:
        print(output)
        failed = failed or 1
    return passed, failed


SUITES = {
    "unit": unit,
    "pylib": pytest_suite("pylib", 1200),
    "integration": pytest_suite("integration", 7200),
    "webui": vitest,
    "e2e": e2e,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suites", nargs="+", choices=SUITES)
    parser.add_argument("--build", default="build")
    parser.add_argument("--only", help="pattern of the tests to run")
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    total_passed = total_failed = 0
    for name in options.suites:
        print(f"== {name}", flush=True)
        started = time.monotonic()
        passed, failed = SUITES[name](build, options.only)
        print(f"== {name}: {passed} passed, {failed} failed in {time.monotonic() - started:.0f} s", flush=True)
        total_passed, total_failed = total_passed + passed, total_failed + failed
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


if __name__ == "__main__":
    sys.exit(main())
