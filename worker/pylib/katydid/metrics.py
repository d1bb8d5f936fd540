# SPDX-License-Identifier: MIT
"""Metrics of your own: Counter, Gauge, Rate and Trend (docs/metrics.md).

    from katydid.metrics import Trend

    basket = Trend("basket_value", unit="EUR")
    basket.add(12.5, tags={"shop": "north"})

They are created at module level, count in every worker, and are added up over all of them. Values that
are no numbers of this world (NaN, infinite, below 0 for a Counter) are dropped and counted in the
metric `metrics_rejected`."""

import sys

from ._backend import Metric

__all__ = ["Counter", "Gauge", "Rate", "Trend"]

_declared = {}  # name -> (what it is, where)


def declared():
    """{name: "counter", "gauge", "rate" or "trend"}, whether something was counted or not."""
    return {name: what.split(" (")[0].lower() for name, (what, _) in _declared.items()}


def _caller():
    """The file that creates the metric."""
    frame = sys._getframe(2)
    while frame and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "?"


def _described(kind, unit, scale):
    about = [f"unit {unit!r}"] if unit else []
    if scale != 1000:
        about.append(f"scale {scale:g}")
    return f"{kind} ({', '.join(about)})" if about else kind


class _Metric(Metric):
    kind = None

    def __new__(cls, name, unit="", scale=1000):
        """scale: a Trend tells values apart that differ by 1/scale; others ignore it. The largest is
        3.6e9/scale."""
        what, where = _described(cls.__name__, unit, scale), _caller()
        known, known_where = _declared.get(name, (what, where))
        if known != what:
            raise ValueError(f"metric {name!r} is a {what} in {where}, and a {known} in {known_where}")
        try:
            metric = super().__new__(cls, cls.kind, name, unit, float(scale))
        except ValueError as error:
            raise ValueError(f"{error} (in {where})") from None
        _declared[name] = what, where
        return metric

    def __init__(self, *args, **kwargs):
        pass


class Counter(_Metric):
    """A sum: add(n) with n of at least 0."""

    kind = 0


class Gauge(_Metric):
    """A level: the latest value counts, and the least and the most."""

    kind = 1


class Rate(_Metric):
    """A share: how many of the values were true."""

    kind = 2


class Trend(_Metric):
    """A distribution: average, extremes and any percentile."""

    kind = 3
