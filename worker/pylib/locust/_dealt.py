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
        self._shares = None  # the newest, and when they came
        self.clock = MasterClock()
        self._order = 0  # the number of the newest that came

    def beat(self):
        """What a heartbeat says to a Katydid master beside how we are."""
        return {**self.clock.ask(), "order": self._order}

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
            if self._shares is not None:
                self._follow()
        elif not texts:
            self._runner._scenarios = _scenarios.NONE
            _scenarios.NONE.limit_all()

    def follow(self, data, heard_at):
        """Which arrivals are ours, and when the scenarios began. That may come before the first order."""
        self._shares = data, heard_at
        self._follow()

    def _follow(self):
        data, heard_at = self._shares
        if self._run is not None and data.get("run", self._run) == self._run:
            self._runner._scenarios.change(data.get("scenarios") or ())
            self._runner._scenarios.follow(_scenarios.elapsed_s(data, clock() - heard_at, self.clock.ahead_s), data["elapsed"], data["shares"],
                                           data.get("again") or (), data.get("away") or ())

    def grant(self, data):
        """So many iterations are ours."""
        if data["run"] == self._run:
            self._runner._scenarios.grant(data["scenario"], data["granted"], data["all"])

    def _ask(self, scenario, started, done, wanted):
        self._send("katydid_iterations", {"run": self._run, "scenario": scenario, "started": started, "done": done,
                                          "wanted": wanted})
