# SPDX-License-Identifier: MIT
"""What Katydid has beyond Locust's API: checks, groups and metrics of your own (docs/metrics.md),
what runs once a run (docs/verdicts.md), data for users (docs/data.md), and streams of events (docs/sse.md).

The same import works under stock Locust, where it fires ordinary request events instead."""

from . import _rendezvous, data, metrics  # the first gives users their rendezvous
from ._backend import check, group, setup, teardown
from ._sse import EventStream, StreamError, sse

__all__ = ["EventStream", "StreamError", "check", "data", "group", "metrics", "setup", "sse", "teardown"]
