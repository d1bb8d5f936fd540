"""What a waiting user takes that has an HTTP/2 connection of its own."""

from types import SimpleNamespace

from lab import ROOT, Table, nginx, verdict
from many import resident

FILE = ROOT / "tests" / "bench" / "locustfiles" / "h2_waiting.py"
USERS = 10_000
BUDGET_KB = 24


def bench_h2wait(options):
    table = Table(f"Memory of a waiting HttpUser with an open HTTP/2 connection, {USERS:,} of them", "worker's resident MB with one user", "with all", "KB a user", "budget", "")
    with nginx() as server:
        there = SimpleNamespace(url=server.h2_url, count=server.count)
        one, all_of_them = (resident(FILE, there, n) for n in (1, USERS))
    each = (all_of_them - one) / (USERS - 1) / 1024
    table.row(f"{one / 1e6:.1f}", f"{all_of_them / 1e6:.1f}", f"{each:.1f}", f"≤ {BUDGET_KB}", verdict(each, BUDGET_KB))
