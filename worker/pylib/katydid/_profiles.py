# SPDX-License-Identifier: MIT
"""Steps of a load that have names: those of Gatling, and waves. Each is a text that the master reads (docs/load-models.md),
so that the command line, files and Python have the same words, and the same refusals.

    stages=[rampUsersPerSec(1).to(20).during("2m"), ("10m", "20/s"), atOnceUsers(100)]"""

import os
import sys

_WORDS = ("to", "during", "times", "eachLevelLasting", "lasting", "separatedByRampsLasting", "startingFrom", "amplitude", "period",
          "after", "speed")


class Step:
    """A step of which more can be said: rampUsers(10).during("1m"). Numbers of durations are seconds."""

    def __init__(self, text):
        self._text = text

    def __str__(self):
        return self._text

    def __repr__(self):
        return self._text

    def randomized(self):
        """Its arrivals come by chance, as many as ever."""
        return Step(f"{self}.randomized()")


def _value(value):
    if hasattr(value, "total_seconds"):
        value = value.total_seconds()
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _word(word):
    def say(self, value):
        return Step(f"{self}.{word}({_value(value)})")

    say.__name__ = word
    return say


for _each in _WORDS:
    setattr(Step, _each, _word(_each))


def _step(name):
    def make(value):
        return Step(f"{name}({_value(value)})")

    make.__name__ = make.__qualname__ = name
    return make


nothingFor = _step("nothingFor")
atOnceUsers = _step("atOnceUsers")
rampUsers = _step("rampUsers")
constantUsersPerSec = _step("constantUsersPerSec")
rampUsersPerSec = _step("rampUsersPerSec")
stressPeakUsers = _step("stressPeakUsers")
heavisideUsers = _step("heavisideUsers")
incrementUsersPerSec = _step("incrementUsersPerSec")
constantConcurrentUsers = _step("constantConcurrentUsers")
rampConcurrentUsers = _step("rampConcurrentUsers")
incrementConcurrentUsers = _step("incrementConcurrentUsers")


def sine(mean, amplitude, period, during):
    """A rate that swings around its mean; it begins there, upwards."""
    return Step(f"sine({_value(mean)})").amplitude(amplitude).period(period).during(during)


def spike(base, to, after, lasting, during):
    """A rate, or users, of which there are `to` for a while, in the middle of `during`."""
    return Step(f"spike({_value(base)})").to(to).after(after).lasting(lasting).during(during)


def step(by, times, lasting, starting_from=0):
    """Levels, each higher by so much than the one before."""
    return Step(f"step({_value(by)})").times(times).lasting(lasting).startingFrom(starting_from)


def replay(path, speed=1):
    """Arrivals at the times of a file: of each line the first field, or "t" of JSON, in seconds. A relative path counts from
    the current folder, or else from the folder of the file that calls this."""
    path = os.fspath(path)
    if not os.path.isabs(path) and not os.path.exists(path):
        path = os.path.join(os.path.dirname(os.path.abspath(sys._getframe(1).f_code.co_filename)), path)
    return Step(f"replay({path})").speed(speed)
