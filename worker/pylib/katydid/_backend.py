# SPDX-License-Identifier: MIT
"""Who counts: Katydid's C, or under stock Locust request events."""

try:
    from _katydid import Metric
except ImportError:
    from ._pure import Metric

__all__ = ["Metric"]
