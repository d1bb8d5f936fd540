# SPDX-License-Identifier: MIT
"""Load shapes: a class of the locustfile that says, second by second, how many users to run."""

import math
from abc import ABCMeta, abstractmethod
from time import perf_counter


def check_tick(tick, known_classes):
    """What tick() returned as (users, spawn rate, user classes or None), in Python's own numbers:
    shapes calculate with NumPy's, with Decimal and Fraction."""
    if len(tick) not in (2, 3):
        raise ValueError(f"tick() must return (users, spawn rate) or (users, spawn rate, classes), "
                         f"not {tick!r}")
    users, spawn_rate = (_number(value, tick) for value in tick[:2])
    if users == users // 1:
        users = int(users)
    classes = tick[2] if len(tick) == 3 else None
    strangers = {cls.__name__ for cls in classes or ()} - {cls.__name__ for cls in known_classes}
    if strangers:
        raise KeyError(f"tick() names User classes that are none of this test's: {', '.join(sorted(strangers))}")
    return users, spawn_rate, classes


def _number(value, tick):
    if isinstance(value, (str, bytes)):
        raise TypeError(f"tick() must return numbers, not {tick!r}")
    value = float(value)
    if not math.isfinite(value):
        raise ValueError(f"tick() must return finite numbers, not {tick!r}")
    return value


class LoadTestShapeMeta(ABCMeta):
    def __new__(mcs, classname, bases, class_dict):
        class_dict["abstract"] = class_dict.get("abstract", False)  # not inherited
        return super().__new__(mcs, classname, bases, class_dict)


class LoadTestShape(metaclass=LoadTestShapeMeta):
    """Subclass it and define tick()."""

    runner = None  # set when the runner is created
    abstract = True
    use_common_options = False  # whether the shape itself reads --users, --spawn-rate, --run-time

    def __init__(self):
        self.start_time = perf_counter()

    def reset_time(self):
        """Called when a test starts."""
        self.start_time = perf_counter()

    def get_run_time(self):
        """Seconds since the test started."""
        return perf_counter() - self.start_time

    def get_current_user_count(self):
        return self.runner.user_count

    @abstractmethod
    def tick(self):
        """(users, spawn rate), or (users, spawn rate, [user classes]); None ends the test.
        Asked once a second."""
