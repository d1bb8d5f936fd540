# SPDX-License-Identifier: MIT
"""Streams of server-sent events, as users read them (docs/sse.md).

    with katydid.sse(self.client, "/events", name="events") as stream:
        for event in stream.until(n=10, seconds=30):
            print(event.event, event.data)

Rows: `SSE open` from the request to the head of the answer, `SSE first` to the first event, `SSE close` of streams that
ended otherwise than their user wanted. Metrics: `sse_events`, `sse_gap` (ms between two events, as they arrived),
`sse_reconnects`; each with the tag `name`."""

import functools
import re
import time

import gevent
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

from ._backend import Streams
from ._sse_parts import MOST, StreamError
from .metrics import Counter, Trend

OPEN, FIRST, CLOSE = "SSE open", "SSE first", "SSE close"
TYPE = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "Accept-Encoding": "identity"}
_RETRY_MS = 3000  # before a stream is opened again, unless it says something else
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENDED = "the server ended the stream"


@functools.cache
def _metrics():
    return Trend("sse_gap", unit="ms"), Counter("sse_events"), Counter("sse_reconnects")


def _as_header(last_id):
    """An id as a header says it; "": none can."""
    text = last_id.strip(" \t")
    return text.encode().decode("latin-1") if not _CONTROL.search(text) else ""


class EventStream:
    """Events of one URL. `response` is the answer, `error` what was wrong (None: nothing)."""

    kinds = OPEN, FIRST, CLOSE
    types = (TYPE,)
    is_lines = False  # each line is an event
    _is_counting = True  # of events, in the metrics above
    _is_held = False  # what is well is not reported yet when it is opened

    def __init__(self, client, url, name=None, headers=None, method="GET", reconnect=False, ends=False, max_event=MOST, **options):
        """reconnect: open it again when it ends, from the event after the last. ends: that the server ends it is what is
        expected. Other keywords are those of a request."""
        self._client, self._url, self._name, self._method = client, url, name, method
        self._headers, self._options = {"Accept": self.types[0], **_HEADERS, **(headers or {})}, options
        self._reconnects, self._ends, self._most = reconnect, ends, max_event
        self._reader, self._retry_ms = None, _RETRY_MS
        self._has_begun = self._is_over = False
        self.response = self.error = self._last_id = None
        self.count = 0
        self._open()

    # ---- for users

    @property
    def ok(self):
        """It was opened, and is a stream of events."""
        return self.error is None and self._reader is not None

    @property
    def last_event_id(self):
        return self._last_id if self._reader is None else self._reader.last_id or None

    def until(self, n=None, seconds=None):
        """The next events, at most n, at most for so many seconds; all where neither is given."""
        until = None if seconds is None else time.perf_counter() + seconds
        if self._reader is not None:
            self._reader.limit(seconds)
        while (n is None or n > 0) and self._reader is not None:
            try:
                event = self._reader.next()
            except BaseException:
                self._cut()
                raise
            if event is None:
                if not self._go_on(until):
                    break
                continue
            self.count += 1
            if not self._has_begun:
                self._begin(event)
            if n is not None:
                n -= 1
            yield event

    def __iter__(self):
        return self.until()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and issubclass(kind, gevent.GreenletExit):
            self._cut()
        self.close()

    def close(self):
        self._is_over = True
        self._drop()

    # ---- inside

    def _open(self):
        if said := _as_header(self._last_id or ""):
            self._headers["Last-Event-ID"] = said
        elif self._last_id:
            self._headers.pop("Last-Event-ID", None)
        self.error = None
        self._has_begun = False
        self._started = time.time()
        self.response, problem = Streams.open_stream(
            self._client, self._method, self._url, self.kinds[0], self._name, self._headers, self._options, self._judge,
            self._is_held)
        self.label = self._name or self.response.request_meta["name"]
        if problem is not None:
            self.error = problem
        elif self._is_stream():
            metrics = _metrics()[:2] if self._is_counting else (None, None)
            self._reader = Streams.read_events(self.response, self._most, *metrics, {"name": self.label}, self._last_id or "", self.is_lines)
        else:
            self.error = self._failure()

    def _is_stream(self):
        return not Streams.is_failed(self.response) and self.response.status_code == 200

    def _failure(self):
        """Of an answer that is none; nothing for 204, which says that there is no more."""
        if Streams.is_failed(self.response):
            return self.response.error or StreamError("no answer")
        status = self.response.status_code
        Streams.read_body(self.response)
        return None if status == 204 else StreamError(f"status {status}")

    def _judge(self, response):
        """What is wrong with an answer that looks well to others."""
        if Streams.is_failed(response) or response.status_code == 204 or response.status_code >= 400:
            return None
        kind = (response.headers.get("content-type") or "").partition(";")[0].strip().lower()
        if response.status_code == 200 and kind in self.types:
            return None
        Streams.read_body(response)
        return self._why_none(response, kind)

    def _why_none(self, response, kind):
        if response.status_code != 200:
            return StreamError(f"status {response.status_code} instead of a stream of events")
        return StreamError(f"{kind or 'an answer without a type'} instead of {self.types[0]}")

    def _begin(self, event):
        self._has_begun = True
        self._tell(self.kinds[1], event.time * 1000, len(event.data))

    def _tell(self, kind, ms, length=0, error=None):
        user = getattr(self._client, "user", None)
        Streams.request_event(self._client).fire(
            request_type=kind, name=self.label, response_time=ms, response_length=length, exception=error,
            context=dict(user.context()) if user is not None else {}, response=None, start_time=self._started, url=self.response.url)

    def _cut(self):
        if self._reader is not None and not self._is_over:
            self._is_over = True
            Streams.count_cut(self._client, self.kinds[2 if self._has_begun else 1], self.label)

    def _drop(self):
        if self._reader is not None:
            self._last_id = self._reader.last_id or None
            self._reader.close()
            self._reader = None
        elif self.response is not None:
            Streams.close(self.response)

    def _go_on(self, until):
        """There was no event: False when there will be none."""
        state, error, retry = self._reader.state, self._reader.error, self._reader.retry
        if state == "open":
            return False  # the time is over
        self._drop()
        self._retry_ms = self._retry_ms if retry is None else retry
        if self._is_over:
            return False
        if state == "failed":
            self.error = error if isinstance(error, Exception) else StreamError(str(error))
        elif not self._ends and not self._reconnects:
            self.error = StreamError(_ENDED)
        if self.error is not None:
            self._tell(self.kinds[2], None, 0, self.error)
        return self._reconnects and self._open_again(self._retry_ms / 1000, until)

    def _open_again(self, wait_s, until):
        while not self._is_over:
            left = None if until is None else until - time.perf_counter()
            gevent.sleep(wait_s if left is None else max(0, min(wait_s, left)))
            if left is not None and left <= wait_s:
                break
            _metrics()[2].add(1, tags={"name": self.label})
            self._open()
            if self._reader is not None:
                self._reader.limit(None if until is None else until - time.perf_counter())
                return True
            if not Streams.is_failed(self.response):
                break  # an answer, which says that there is no more
        return False


def sse(client, url, name=None, headers=None, method="GET", reconnect=False, ends=False, max_event=MOST, **options):
    """Opens a stream of server-sent events by the client of an HttpUser or a FastHttpUser."""
    return EventStream(client, url, name, headers, method, reconnect, ends, max_event, **options)


HttpSession.sse = FastHttpSession.sse = sse
