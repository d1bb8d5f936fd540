"""The benchmark of open load: arrivals of one worker on one core, to a target that costs little. What k6 does here is not measured:
it cannot be had on the machine that these figures come from."""

import json
import tempfile
import time
from pathlib import Path

import lab
from lab import KATYDID, Process, Table, nginx, verdict, wait_for

FILES = Path(__file__).resolve().parent / "locustfiles"
RATE = 10_000
WARM_S, WINDOW_S, REST_S = 3, 6, 3


def open_run(file, url, scenario, server=None, env=None):
    """(µs of processor time per arrival, or None without a server that counts; the scenario as --summary has it)."""
    with tempfile.TemporaryDirectory() as folder:
        summary, each = Path(folder, "summary.json"), None
        command = [KATYDID, "-f", file, "-H", url, "--headless", "--only-summary", "--summary", summary, "--scenario", scenario]
        before = server.count() if server else 0
        with Process(command, env=env, prefix=["taskset", "-c", str(lab.GENERATOR_CORE)]) as process:
            if server:
                wait_for(lambda: server.count() - before > 50, "the first arrivals", 60)
                time.sleep(WARM_S)
                cpu0, n0 = lab.cpu_seconds(process.pid), server.count()
                time.sleep(WINDOW_S)
                each = (lab.cpu_seconds(process.pid) - cpu0) / (server.count() - n0) * 1e6
            process.wait(120)
        return each, json.loads(summary.read_text())["scenarios"]["scenarios"][0]


def late_cells(one):
    delay = one["start_delay"]
    return f"{delay['p50']:.2f}", f"{delay['p99']:.2f}", f"{delay['max']:.1f}", one["dropped"]


def bench_arrivals(options):
    rounds = min(options.rounds, 3)
    table = Table(f"{RATE:,} arrivals/s from one worker on one core, GET of 12 bytes", "load", "µs/request", "× closed", "× closed at that rate",
                  "start delay p50 ms", "p99", "max", "dropped", "budget", "")
    with nginx() as server:
        url = server.url
        closed = lab.rounds({"closed": lab.headless(KATYDID, FILES / "get_http.py", url)}, server, rounds)["closed"][0]
        table.row("closed, 100 users, as fast as it goes", f"{closed:.1f}", "1.00", "", "", "", "", "", "", "")
        paced = lab.rounds({"paced": lab.headless(KATYDID, FILES / "get_paced.py", url)}, server, rounds)["paced"][0]
        table.row(f"closed, 100 users, {RATE:,}/s by constant_throughput", f"{paced:.1f}", f"{paced / closed:.2f}", "1.00", "", "", "", "", "", "")
        for _ in range(rounds):
            each, one = open_run(FILES / "get_http.py", url, f"a:constant-arrival-rate:rate={RATE}/s,duration={WARM_S + WINDOW_S + REST_S}s,users=200",
                                 server)
            delay = one["start_delay"]
            good = each <= 1.15 * closed and delay["p50"] <= 0.2 and delay["p99"] <= 2 and one["dropped"] == 0
            table.row("open", f"{each:.1f}", f"{each / closed:.2f}", f"{each / paced:.2f}", *late_cells(one), "≤ 1.15 × closed, p50 ≤ 0.2 ms, p99 ≤ 2 ms, none dropped",
                      verdict(not good, 0))
    table = Table("1,000 arrivals/s, a target that answers after 200 ms: 200 users busy", "made before", "start delay p50 ms", "p99", "max", "dropped",
                  "budget", "")
    with lab.target(prefix=["taskset", "-c", str(lab.TARGET_CORE)]) as server:
        for users in [400, 1] * rounds:  # all of them: what is late then, no making of users has delayed
            _, one = open_run(FILES / "truth.py", server.url, f"a:constant-arrival-rate:rate=1000/s,duration=5s,users={users},max_users=2000",
                              env={"TRUTH_PATH": "/delay/200"})
            table.row(users, *late_cells(one), "max ≤ 5 ms" if users == 1 else "", verdict(one["start_delay"]["max"], 5) if users == 1 else "")
