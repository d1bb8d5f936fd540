# SPDX-License-Identifier: MIT
"""The client cases of the Autobahn test suite against our WebSocket client (make autobahn); a table for docs/websocket.md.

    run.py BUILD FOLDER [--count N] [prefix …]       FOLDER has the package autobahntestsuite, converted by lib2to3
"""

import argparse
import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
GOOD = ("OK", "NON-STRICT", "INFORMATIONAL")
KINDS = {"1": "framing", "2": "pings and pongs", "3": "reserved bits", "4": "opcodes", "5": "fragments", "6": "UTF-8", "7": "closing",
         "9": "limits", "10": "other", "12": "compression, of different data", "13": "compression, with different terms"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", default="100")
    parser.add_argument("prefixes", nargs="*")
    options = parser.parse_intermixed_args()
    server = subprocess.Popen([sys.executable, HERE / "server.py", options.folder, options.count], stdout=subprocess.PIPE, text=True)
    said = json.loads(server.stdout.readline())
    cases = [case for case in said["cases"] if not options.prefixes or case.startswith(tuple(options.prefixes))]
    client = subprocess.Popen([options.build / "katydid-worker", "--python", HERE / "client.py", str(said["port"]), *cases])
    seen = defaultdict(Counter)
    bad = []
    for _ in cases:
        told = json.loads(server.stdout.readline())
        seen[told["id"].split(".")[0]][told["behavior"]] += 1
        if told["behavior"] not in GOOD or told["close"] not in GOOD:
            bad.append(told)
    client.wait(60)
    server.terminate()
    server.wait()
    print("\n| cases | | OK | non-strict | informational | failed |\n|---|---|---|---|---|---|")
    for kind, counts in seen.items():
        good = [counts[name] for name in GOOD]
        print(f"| {kind} | {KINDS.get(kind, '')} | {good[0]} | {good[1]} | {good[2]} | {sum(counts.values()) - sum(good)} |")
    for told in bad:
        print(json.dumps(told))
    return 1 if bad else 0


sys.exit(main())
