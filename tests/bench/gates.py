"""The part of the bench that plays a gate from end to end: the sample shop, one endpoint of which becomes 8 % slower."""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import FILES, KATYDID, Table, free_port, shop

SECONDS = 190  # 20 blocks of 5 s, even if nearly half is cut at the beginning
BASE, EQUAL, SLOW = 6, 20, 3
AT_ONCE = 10
SLOWER = "/api/products/<id>"
GATE = """
rules = [
  {stat = "mean", where = "rows>=1%", margin = "3%"},
  {stat = "fail_ratio", where = "total", margin = "0.1pp"},
]
"""


def run(folder, url, kind, number):
    """(exit code, names called worse, names that cannot be told, why it was not compared)."""
    summary = Path(folder) / f"{kind}{number}.json"
    words = [] if kind == "base" else ["--baseline", f"tag:kind=base valid {BASE}", "--gate", Path(folder) / "gate.toml"]
    done = subprocess.run([KATYDID, "-f", FILES / "gate.py", "--headless", "--host", url, "-u", "10", "-r", "100", "-t", str(SECONDS), "--history", Path(folder) / "h", "--profile", "gate",
                           "--tag", f"kind={kind}", "--summary", summary, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS + 120, start_new_session=True)
    told = json.loads(summary.read_text()).get("baseline") or {"lines": [], "why": ""}
    said = {answer: sorted(line["name"] for line in told["lines"] if line["answer"] == answer) for answer in ("worse", "cannot tell")}
    return done.returncode, said["worse"], said["cannot tell"], told["why"]


def bench_gate(options):
    table = Table(f"The gate, end to end: runs of {SECONDS} s, compared with {BASE} earlier ones", "runs", "alarms", "named", "cannot tell", "not compared", "budget", "")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        Path(folder, "gate.toml").write_text(GATE)
        port = str(free_port())

        def runs(kind, count, *words):
            with shop("--port", port, "--delay-ms", "30", *words) as server:
                return list(pool.map(lambda number: run(folder, server.url, kind, number), range(count)))

        runs("base", BASE)
        for kind, count, words in (("equal", EQUAL, ()), ("slow", SLOW, ("--slower", f"{SLOWER}=1.08"))):
            told = runs(kind, count, *words)
            alarms = sum(code == 94 for code, *_ in told)
            named = sorted({name for _, worse, _, _ in told for name in worse})
            unsure = sum(bool(names) for _, _, names, _ in told)
            refused = Counter(why for *_, why in told if why)
            good = not refused and alarms <= 1 if kind == "equal" else alarms == count and named == ["/product"]
            what = f"{count} equal ones" if kind == "equal" else f"{count} with {SLOWER} 8 % slower"
            table.row(what, alarms, ", ".join(named) or "none", unsure, refused.total(), "≤ 1 alarm" if kind == "equal" else "that row and no other", "yes" if good else "**no**")
            print("".join(f"    {n} not compared: {why}\n" for why, n in refused.items()), end="")
        listed = subprocess.run([KATYDID, "runs", "list", "--csv", "--limit", "100", "--history", Path(folder) / "h"], capture_output=True, text=True, check=True).stdout
        print(re.sub(r"(?m)^", "    ", listed))


if __name__ == "__main__":
    sys.exit("this is a part of bench.py")
