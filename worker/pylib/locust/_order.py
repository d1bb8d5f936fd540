# SPDX-License-Identifier: MIT
"""What the master's order of a test says of its requests (`spawn`, docs/wire.md), handed to whoever makes them."""

import _katydid

from ._goodputs import take_goodputs
from ._http.version import take_http2
from ._series_tags import take_series_tags
from .user.task import watch_iterations


def take_order(job):
    """Before the first user of a test, and again with each order."""
    take_series_tags(job.get("series_tags") or [], bool(job.get("k6_times")), job.get("labels") or [])
    take_goodputs(job.get("goodputs") or [])
    take_http2(job.get("http2"))
    _katydid.discard_bodies(bool(job.get("discard_bodies")))
    watch_iterations(is_counted=bool(job.get("iterations")))
