# SPDX-License-Identifier: MIT
"""Spans of this worker's requests on their way to the master (--trace; docs/wire.md): one piece at a time, numbered and
sent again until it is heard of, so that none is lost or there twice. What the master does not take waits in the core
(worker/py/py_trace.c), which has room for some, and counts what finds none."""

import time
from uuid import uuid4

import _katydid
import gevent

from .user.task import watch_iterations

_RESEND_S = 3.0
_LOOK_S = 0.02
_END_S = 5.0  # for what is left at the end of a test


class Spans:
    """Those of one test at a time."""

    def __init__(self, send):
        self._send = send
        self._sender = uuid4().hex
        self._number = 0
        self._run = ""
        self._is_on = False
        self._told = 0  # how many were dropped
        self._pending = None  # the piece that is under way
        self._sent_at = 0.0

    def begin(self, run, order):
        """Before the first request of a test. order: what the master says of tracing, or None."""
        self._run = run
        self._is_on = order is not None and bool(order["spans"])
        self._pending, self._told = None, 0
        if order is None:
            _katydid.trace_close()
        else:
            _katydid.trace_open(order["share"], self._is_on, order["tasks"])
        watch_iterations(is_traced=order is not None and order["tasks"])

    def send_due(self):
        if self._pending is not None:
            if time.monotonic() - self._sent_at >= _RESEND_S:
                self._deliver()
            return
        if not self._is_on:
            return
        spans, count, dropped = _katydid.trace_take()
        if not count and dropped == self._told:
            return
        self._told = dropped
        self._number += 1
        self._pending = {"run": self._run, "sender": self._sender, "number": self._number,
                         "count": count, "dropped": dropped, "spans": spans}
        self._deliver()

    def _deliver(self):
        self._sent_at = time.monotonic()
        self._send("katydid_spans", self._pending)

    def heard(self, number):
        """The master has that piece: the next one may come."""
        if self._pending is not None and number == self._number:
            self._pending = None
            self.send_due()

    def flush(self):
        """Has everything delivered; not for ever, should the master not answer."""
        until = time.monotonic() + _END_S
        self.send_due()
        while self._pending is not None and time.monotonic() < until:
            gevent.sleep(_LOOK_S)
            self.send_due()
