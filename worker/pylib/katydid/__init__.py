# SPDX-License-Identifier: MIT
"""What Katydid has beyond Locust's API: checks, groups and metrics of your own (docs/metrics.md),
and what runs once a run (docs/verdicts.md).

The same import works under stock Locust, where it fires ordinary request events instead."""

from . import metrics
from ._backend import check, group, setup, teardown

__all__ = ["check", "group", "metrics", "setup", "teardown"]
