# SPDX-License-Identifier: MIT
"""What Katydid has beyond Locust's API: checks, groups and metrics of your own (docs/metrics.md),
what runs once a run (docs/verdicts.md), and data for users (docs/data.md).

The same import works under stock Locust, where it fires ordinary request events instead."""

from . import _rendezvous, data, metrics  # the first gives users their rendezvous
from ._backend import check, group, setup, teardown

__all__ = ["check", "data", "group", "metrics", "setup", "teardown"]
