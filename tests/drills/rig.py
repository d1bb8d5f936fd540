# SPDX-License-Identifier: MIT
"""What a drill is: a function that takes a Report, fills it, and says with `expect` what is wrong."""

import contextlib
import time

from cluster import Account
from harness import wait_for

BACK_S = 5  # within which users are right after what was wrong has ended
DRILLS = []
HEAD = ["what", "sent by target", "reported", "cut", "resent", "missing", "users right after s", "exit", "verdict"]


def drill(what):
    """Registers a drill under the words of its row."""
    def register(function):
        DRILLS.append((what, function))
        return function
    return register


class Report:
    """One row of the table."""

    def __init__(self, what):
        self.what, self.faults, self.account, self.back_s, self.code = what, [], None, None, None

    def expect(self, is_right, otherwise):
        if not is_right:
            self.faults.append(otherwise)

    def take(self, account, right_codes=(0,)):
        self.account, self.code = account, account.code
        self.expect(account.is_told, f"{account.missing} are missing, told are at most {account.told_s} s, which are {account.most:.0f}")
        self.expect(account.code in right_codes, f"exit code {account.code}, {' or '.join(map(str, right_codes))} is right")
        return account

    def take_run(self, sent, total, run, right_codes=(0,)):
        """Of a test in one process that has ended."""
        self.expect("Traceback" not in run.stderr, "a traceback")
        return self.take(Account.of(sent, total, run.stderr, run.wait()), right_codes)

    def end(self, cluster, right_codes=(0,), workers=None):
        """Ends its test. workers: those that must end well, all if not given."""
        account = self.take(cluster.end(), right_codes)
        for worker in cluster.workers if workers is None else workers:
            code = worker.wait(90)
            self.expect(code == 0, f"a worker ended with {code}")
        return account

    def back(self, since, is_right, what="users", within=BACK_S):
        """Waits until it is right again, and how long that took."""
        with contextlib.suppress(AssertionError):
            wait_for(is_right, what, 60)
            self.back_s = time.monotonic() - since
        self.expect(self.back_s is not None and self.back_s <= within,
                    f"{what} were not right within {within} s" + (f" but after {self.back_s:.1f} s" if self.back_s else ", nor at all"))

    def row(self):
        shown = lambda value: "-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)  # noqa: E731
        a = self.account
        figures = (a.sent, a.reported, a.cut, a.resent, f"{a.missing} of {a.most:.0f} told" if a.told_s else a.missing) if a else [None] * 5
        return [self.what, *map(shown, [*figures, self.back_s, self.code]), "right" if not self.faults else "WRONG: " + "; ".join(self.faults)]
