# SPDX-License-Identifier: MIT
"""What Katydid has beyond Locust's API: metrics of your own (docs/metrics.md).

The same import works under stock Locust, where it fires ordinary request events instead."""

from . import metrics

__all__ = ["metrics"]
