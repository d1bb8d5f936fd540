# SPDX-License-Identifier: MIT
"""Who counts: Katydid's C, or under stock Locust request events."""

try:
    from _katydid import Group as group, Metric, check
    from locust._once import setup, teardown
except ImportError:
    from ._pure import Metric, check, group, setup, teardown

__all__ = ["Metric", "check", "group", "setup", "teardown"]
