# SPDX-License-Identifier: MIT
"""What Katydid has beyond Locust's API: checks, groups and metrics of your own (docs/metrics.md).

The same import works under stock Locust, where it fires ordinary request events instead."""

from . import metrics
from ._backend import check, group

__all__ = ["check", "group", "metrics"]
