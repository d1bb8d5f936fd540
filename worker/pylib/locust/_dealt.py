# SPDX-License-Identifier: MIT
"""What the master deals to this worker of a test's scenarios: their texts, its shares of arrivals, iterations."""

from . import _scenarios
from ._master_clock import MasterClock
from ._silence import clock


class Dealt:
    def __init__(self, runner, send):
        """send(type, data): to the master."""
        self._runner, self._send = runner, send
        self._run = None  # that the runner's scenarios are of
        self._waiting = []  # shares that came before the first order of their run, and when
        self.heard = 0  # the number of the newest shares that came
        self.clock = MasterClock()
        self._order = 0  # the number of the newest that came

    def beat(self):
        """What a heartbeat says to a Katydid master beside how we are."""
        return {**self.clock.ask(), "order": self._order, "shares": self.heard}

    def came(self, job):
        self._order = job.get("sequence") or 0
        return job

    def take(self, run, texts):
        """With each order; they take effect once in a test: their users keep what they are at."""
        if texts and self._run != run:
            self._run = run
            self._runner._scenarios = _scenarios.Scenarios(self._runner, texts, self._ask)
            environment = self._runner.environment
            environment.stop_timeout = max(environment.stop_timeout or 0.0, self._runner._scenarios.graceful_s)
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                self.follow(*one)
        elif not texts:
            self._runner._scenarios = _scenarios.NONE
            _scenarios.NONE.limit_all()

    def hears(self, data):
        """Whether these shares are to be followed. They are sent again until a heartbeat says that they came; where those before them did
        not, these come again behind them."""
        number, after = data.get("number") or 0, data.get("after") or 0
        if number and (number <= self.heard or after > self.heard):
            return False
        self.heard = number or self.heard
        return True

    def follow(self, data, heard_at):
        """Which arrivals are ours, and when the scenarios began. That may come before the first order."""
        run = data.get("run", self._run)
        if run is None or run != self._run:
            self._waiting = [one for one in self._waiting if one[0].get("run") == run]
            self._waiting.append((data, heard_at))
            return
        self._runner._scenarios.change(data.get("scenarios") or ())
        self._runner._scenarios.follow(_scenarios.elapsed_s(data, clock() - heard_at, self.clock.ahead_s), data.get("told", data["elapsed"]),
                                       data["shares"], data.get("again") or (), data.get("away") or ())

    def grant(self, data):
        """So many iterations are ours."""
        if data["run"] == self._run:
            self._runner._scenarios.grant(data["scenario"], data["granted"], data["all"])

    def _ask(self, scenario, started, done, wanted):
        self._send("katydid_iterations", {"run": self._run, "scenario": scenario, "started": started, "done": done,
                                          "wanted": wanted})
