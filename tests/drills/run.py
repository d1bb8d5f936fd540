# SPDX-License-Identifier: MIT
"""make drills: one after the other, then the table and "N passed, N failed".

    python3 tests/drills/run.py --build BUILD [--keys] [--only PATTERN] [--list]

They want root (network namespaces with rules, control groups, small disks) and a machine that does little else.
"""

import argparse
import fnmatch
import importlib
import os
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
KINDS = ("kill", "stop", "partition", "link", "clock", "resources", "targets", "master", "mixed")
OF_THE_LINK = ("kill", "stop", "partition", "link", "clock", "master")


def parse():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", required=True)
    options.add_argument("--only", default="*", help="words of the row or name of the kind, with * and ?")
    options.add_argument("--keys", action="store_true", help="those of the link between workers and master, encrypted as it is across machines")
    options.add_argument("--list", action="store_true")
    return options.parse_args()


def chosen(only, of):
    from rig import DRILLS
    kinds = {}
    for kind in of:
        before = len(DRILLS)
        importlib.import_module(f"drills_{kind}")
        kinds.update(dict.fromkeys(range(before, len(DRILLS)), kind))
    return [(what, work) for n, (what, work) in enumerate(DRILLS) if kinds[n] == only or fnmatch.fnmatch(what, f"*{only}*")]


def run(what, work):
    """None: it is about messages that nobody can read."""
    from cluster import Readable
    from harness import running
    from rig import Report
    report = Report(what)
    try:
        work(report)
    except Readable:
        return None
    except Exception as error:  # noqa: BLE001: a row of its own, and the next drill
        report.faults.append(f"{type(error).__name__}: {str(error).splitlines()[0]}")
        traceback.print_exc()
    for process in running():
        report.faults.append(f"left running: {process.command[0]}")
        process.stop()
    return report


def main():
    given = parse()
    os.environ["KATYDID_BUILD"] = os.path.abspath(given.build)
    os.environ.setdefault("KATYDID_HISTORY", "off")
    sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]
    drills = chosen(given.only, OF_THE_LINK if given.keys else KINDS)
    if given.list:
        print("\n".join(what for what, _ in drills))
        return 0
    from cluster import Cluster
    from rig import HEAD
    Cluster.with_keys, reports = given.keys, []
    for what, work in drills:
        began = time.monotonic()
        report = run(what, work)
        if report is None:
            print(f"{what}: left out, it has to read messages", flush=True)
            continue
        reports.append(report)
        print(f"{what} ({time.monotonic() - began:.0f} s): {reports[-1].row()[-1]}", flush=True)
    print("\n| " + " | ".join(HEAD) + " |\n|---|" + "---:|" * 7 + "---|")
    for report in reports:
        print("| " + " | ".join(report.row()) + " |")
    failed = sum(bool(report.faults) for report in reports)
    print(f"{len(reports) - failed} passed, {failed} failed")
    return 1 if failed or not reports else 0


if __name__ == "__main__":
    sys.exit(main())
