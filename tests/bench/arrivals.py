"""The benchmark of open load: arrivals of one worker on one core, to a target that costs little."""

import array
import contextlib
import json
import math
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import lab
from lab import FILES, KATYDID, Process, Table, nginx, verdict, wait_for
from distances import ks_distance
from queue_server import capacity_of

RATE = 10_000
WARM_S, WINDOW_S, REST_S = 3, 6, 3
HELD = 0.99  # of what was due came


def cost(command, server, env=None, timeout=120):
    """µs of processor time per arrival, of a command that runs to its end; None without a server that counts."""
    each, before = None, server.count() if server else 0
    with Process(command, env=env, prefix=["taskset", "-c", str(lab.GENERATOR_CORE)]) as process:
        if server:
            wait_for(lambda: server.count() - before > 50, "the first arrivals", 60)
            time.sleep(WARM_S)
            cpu0, n0 = lab.cpu_seconds(process.pid), server.count()
            time.sleep(WINDOW_S)
            each = (lab.cpu_seconds(process.pid) - cpu0) / (server.count() - n0) * 1e6
        process.wait(timeout)
    return each


def open_run(file, url, scenario, server=None, env=None, timeout=120):
    """(µs of processor time per arrival, or None without a server that counts; the scenario as --summary has it)."""
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder, "summary.json")
        command = [KATYDID, "-f", file, "-H", url, "--headless", "--only-summary", "--summary", summary, "--scenario", scenario]
        each = cost(command, server, env, timeout)
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
    bench_made_users(rounds)
    if lab.K6:
        bench_rate_of_k6(rounds)


def k6_at(rate):
    return lambda url: lab.k6("k6", "arrivals.js", url + "/", "-e", f"RATE={rate}", "-e", f"DURATION={WARM_S + WINDOW_S + REST_S}s", users=None)["k6"]


def ours_at(rate):
    scenario = f"a:constant-arrival-rate:rate={rate}/s,duration={WARM_S + WINDOW_S + REST_S}s,users=200"
    return lambda url: [KATYDID, "-f", FILES / "get_http.py", "-H", url, "--headless", "--only-summary", "--scenario", scenario]


def seen_by_target(command_for, rate):
    """(µs of processor time per arrival, how many of those that were due came, the gaps' KS distance from a gap of 1/rate, µs by which a gap
    is off in the mean), of a load of that rate, by the kernel's stamps at the target."""
    with tempfile.NamedTemporaryFile() as log:
        with lab.target("--arrivals", log.name, prefix=["taskset", "-c", str(lab.TARGET_CORE)]) as server:
            server.count = lambda: server.log()["requests"]
            each = cost(command_for(server.url), server)
        stamps = array.array("Q", log.read())
    begin = min(stamps) + WARM_S * 1e9
    came = sorted(at for at in stamps if begin <= at < begin + WINDOW_S * 1e9)
    gaps, due = [(b - a) / 1e9 for a, b in zip(came, came[1:])], 1 / rate
    return each, len(came) / rate / WINDOW_S, ks_distance(gaps, lambda gap: gap >= due), sum(abs(gap - due) for gap in gaps) / len(gaps) * 1e6


def highest_rate():
    """Of arrivals a second that k6 holds on the core, in tenths of what 100 users come to without a pause."""
    with nginx() as server:
        _, most = lab.measure(lab.k6("k6", "get.js", server.url + "/")["k6"], server)
    for tenths in range(9, 1, -1):
        rate = round(most * tenths / 10)
        if seen_by_target(k6_at(rate), rate)[1] > HELD:
            break
    return rate


def bench_rate_of_k6(rounds):
    rate = highest_rate()
    table = Table(f"{rate:,} arrivals/s, the most that k6 holds on one core", "generator", "µs/iteration", "× ours", "budget", "", "came of what was due",
                  "gaps, KS distance from even ones", "a gap is off by, µs in the mean", "budget", "")
    for _ in range(rounds):
        theirs, ours = seen_by_target(k6_at(rate), rate), seen_by_target(ours_at(rate), rate)
        for name, (each, came, distance, off) in (("k6", theirs), ("Katydid", ours)):
            cells = ("ours ≥ 5 × less", verdict(each / ours[0], 5, False)) if name == "k6" else ("", "")
            spread = ("not worse than k6", verdict(max(distance - theirs[2], off - theirs[3]), 0)) if name == "Katydid" else ("", "")
            table.row(name, f"{each:.1f}", f"{each / ours[0]:.1f}", *cells, f"{came:.1%}", f"{distance:.3f}", f"{off:.0f}", *spread)


def longest_jump_ms(seconds=5):
    """Of a thread's processor time, between two looks at it by a program that does nothing else: the virtual machine counts time in which
    its processor was away as processor time, without a context switch. No turn can be told to be shorter."""
    look = ("import gc, time; gc.disable(); end = time.monotonic() + %g; last = time.thread_time(); most = 0\n"
            "while time.monotonic() < end: now = time.thread_time(); most = max(most, now - last); last = now\n"
            "print(most * 1e3)" % seconds)
    return float(subprocess.run(["taskset", "-c", str(lab.GENERATOR_CORE), sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout)


def bench_made_users(rounds):
    """The longest turn is processor time, which no other work of the machine makes longer, but for the machine's own absences; the delays are
    what came of it there."""
    table = Table("1,000 arrivals/s, a target that answers after 200 ms: 200 users busy", "made before", "longest turn, ms of processor time", "budget",
                  "", "… of a program that only looks at its clock, just before", "start delay p50 ms", "p99", "max", "dropped")
    with lab.target(prefix=["taskset", "-c", str(lab.TARGET_CORE)]) as server, tempfile.NamedTemporaryFile() as turns:
        for users in [400, 1] * rounds:
            jump = longest_jump_ms()
            _, one = open_run(FILES / "turns.py", server.url, f"a:constant-arrival-rate:rate=1000/s,duration=5s,users={users},max_users=2000",
                              env={"TRUTH_PATH": "/delay/200", "TURNS": turns.name})
            longest = float(Path(turns.name).read_text())
            table.row(users, f"{longest:.2f}", "≤ 5 ms", verdict(longest, 5), f"{jump:.2f}", *late_cells(one))


@contextlib.contextmanager
def queue(servers, mean_s):
    command = [sys.executable, lab.ROOT / "tests/support/queue_server.py", str(servers), str(mean_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def best_rate(servers, mean_s):
    """The arrivals a second of an M/M/c queue at which rate over mean time is greatest, by Erlang's formula."""
    def power(rate):
        load = rate * mean_s
        terms = [load ** k / math.factorial(k) for k in range(servers)]
        last = load ** servers / math.factorial(servers) * servers / (servers - load)
        return rate / (mean_s + last / (sum(terms) + last) / (servers / mean_s - rate))

    return max((servers / mean_s * i / 2000 for i in range(1, 2000)), key=power)


def bench_knee(options):
    """A few minutes each: a level has to have some thousand iterations for that."""
    table = Table("find-knee, M/M/c targets: capacity and knee against the truth", "target", "levels", "capacity", "truth", "±", "95 %", "budget", "",
                  "knee", "truth", "R²")
    for servers, mean_s, level_s in ((1, 0.02, 60), (4, 0.04, 30)):
        top = servers / mean_s
        with queue(servers, mean_s) as url:
            _, one = open_run(FILES / "get_http.py", url, f"a:find-knee:start_rate={0.3 * top:g}/s,step={0.15 * top:g}/s,level={level_s}s,"
                              "distribution=poisson,seed=3,max_users=4000,users=50,graceful_stop=5s", timeout=1200)
            with urllib.request.urlopen(url + "/truth") as answer:
                seen = json.load(answer)
        knee = one["knee"]
        if knee["state"] != "found":
            table.row(f"M/M/{servers}", len(knee["levels"]), knee["why"], *[""] * 8)
            continue
        found, truth = knee["capacity"], capacity_of(seen, knee)
        each_s = servers / truth
        best = best_rate(servers, each_s)
        off = abs(found["per_s"] / truth - 1) * 100
        at = knee["knee"]
        table.row(f"M/M/{servers}, {each_s * 1e3:.1f} ms", len(knee["levels"]), f"{found['per_s']:.1f}/s", f"{truth:.1f}/s", f"{off:.1f} %",
                  f"{found['low']:.1f}–{found['high']:.1f}", "≤ 5 %", verdict(off, 5), f"{at['per_s']:.1f} ({at['low']:.1f}–{at['high']:.1f})" if at else "–",
                  f"{best:.1f}", f"{knee['law']['fit']:.3f}" if knee["law"] else "–")
