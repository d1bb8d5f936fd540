"""The benchmarks of a cluster that changes, and of a master that has too little processor time for it: 1,000 simulated workers.

CHURN=60 in the environment is so many seconds of it, and not ten minutes.
"""

import os
import re
import time
import urllib.request

import lab
from dashboard import Watcher, jitter_ms, master_and_workers, own_cpu
from lab import Table, verdict, wait_for
from throttle import PERIOD_S, Throttle

WORKERS, ENDPOINTS = 1000, 100
CHURN_S = int(os.environ.get("CHURN", 600))
STEP_S = 60
SHORT_S = 30  # of processor time


def said(sim, what):
    return float(re.search(rf"{what} ([\d.]+)", sim.stdout.splitlines()[-1]).group(1))


def counted(page):
    """All requests that the master has."""
    return next(row["num_requests"] for row in lab.get_json(page + "/stats/requests")["stats"] if row["name"] == "Aggregated")


def stop(page):
    """As the page does: Locust's /stop answers when the test has ended, not when the workers know."""
    request = urllib.request.Request(page + "/api/v1/stop", b"{}", {"X-Katydid": "1", "Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).close()


def totals(table, sim, here):
    """Beside what the workers say of it in the end."""
    sent, unheard = said(sim, "requests"), said(sim, "unheard")
    table.row("requests: sent · counted by the master · not acknowledged", f"{sent:,.0f} · {here:,} · {unheard:,.0f}", "equal, 0", verdict(abs(sent - here) + unheard, 0))


def bench_churn(options):
    table = Table(f"{WORKERS:,} simulated workers × {ENDPOINTS} endpoints, one of them leaving or joining each second for {CHURN_S} s", "what", "figure", "budget", "")
    with master_and_workers(WORKERS, ENDPOINTS, CHURN_S + 20, churn=True) as (master, page):
        time.sleep(5)
        watcher, begin, shares, sizes = Watcher(page), time.monotonic(), [], []
        while time.monotonic() < begin + CHURN_S:
            cpu0, t0 = own_cpu(master.pid), time.monotonic()
            time.sleep(min(STEP_S, CHURN_S))
            shares.append((own_cpu(master.pid) - cpu0) / (time.monotonic() - t0))
            sizes.append(lab.rss_bytes(master.pid) / 1e6)
        jitter, ticks, wall = jitter_ms([watcher], begin + 3), len(watcher.since(begin)), time.monotonic() - begin
        sim = master.workers
        sim.wait(180)
        table.row("workers that left · joined", f"{said(sim, 'leaves'):.0f} · {said(sim, 'joins'):.0f}", "", "")
        totals(table, sim, counted(page))
    old, oldest = said(sim, "old"), said(sim, "oldest")
    table.row("a report until its acknowledgement, at worst, ms (longer than 2 s)", f"{oldest:.0f} ({old:.0f} of {said(sim, 'reports'):,.0f})", "≤ 2,000", verdict(oldest, 2000))
    table.row("seconds between a worker's reports, as the master wishes, most", f"{said(sim, 'interval'):.1f}", "≤ 2", verdict(said(sim, "interval"), 2))
    table.row("the page's ticks: how many in so many s, ms early or late (95 %)", f"{ticks} in {wall:.0f}, {jitter:.0f}", "≤ 100", verdict(jitter, 100))
    table.row("share of a core, each minute", " ".join(f"{share:.1%}" for share in shares), "", "")
    table.row("resident MB, each minute", " ".join(f"{size:.0f}" for size in sizes), "≤ 120, flat", verdict(max(max(sizes) / 120, sizes[-1] / sizes[len(sizes) // 2] / 1.05), 1))
    table.row("late at worst, the simulated workers themselves, ms · load of the machine", f"{said(sim, 'late'):.0f} · {os.getloadavg()[0]:.1f}", "", "")


def bench_half(options):
    table = Table(f"A master with half of the processor time that {WORKERS:,} × {ENDPOINTS} need, for {SHORT_S} s", "what", "figure", "budget", "")
    with master_and_workers(WORKERS, ENDPOINTS, 600) as (master, page):
        sim = master.workers
        time.sleep(10)
        cpu0, t0 = own_cpu(master.pid), time.monotonic()
        time.sleep(10)
        share = (own_cpu(master.pid) - cpu0) / (time.monotonic() - t0)
        before = lab.rss_bytes(master.pid)
        with Throttle(master, share / 2 * PERIOD_S):
            watcher, begin, cpu0 = Watcher(page), time.monotonic(), own_cpu(master.pid)
            time.sleep(SHORT_S)
            had = (own_cpu(master.pid) - cpu0) / (time.monotonic() - begin)
            jitter, ticks, behind = jitter_ms([watcher], begin + 3), len(watcher.since(begin)), re.search(r"cannot keep up[^\n]*", master.stderr)
            waiting, grown = sim.stdout.count("reports wait"), lab.rss_bytes(master.pid) - before
            cpu0, t0 = own_cpu(master.pid), time.monotonic()
            stop(page)
            sim.wait_line("all were told to stop", 60)
            stopped, took = time.monotonic() - t0, own_cpu(master.pid) - cpu0
        wait_for(lambda: lab.get_json(page + "/stats/requests")["state"] == "stopped", "the rest of the reports", 120)
        caught = time.monotonic() - t0
        here = counted(page)
        master.popen.terminate()
        sim.wait(120)
        table.row("share of a core: needed · had", f"{share:.1%} · {had:.1%}", "", "")
        table.row("what it says of it", behind.group(0)[:80] if behind else "nothing", "a word", verdict(not behind, 0))
        table.row("reports that wait at the workers, at most · growth of the master's memory, MB", f"{waiting * 500:,} · {grown / 1e6:.0f}", "≤ 100 MB", verdict(grown / 1e6, 100))
        table.row(f"the page's ticks in {SHORT_S} s · ms early or late (95 %)", f"{ticks} · {jitter:.0f}", f"≥ {SHORT_S - 3}", verdict(ticks, SHORT_S - 3, False))
        table.row("stop: until every worker was told, s (of the master's processor time)", f"{stopped:.1f} ({took:.2f})", "≤ 2", verdict(stopped, 2))
        table.row("… and until every report was in, with the whole processor, s", f"{caught:.1f}", "", "")
        totals(table, sim, here)
