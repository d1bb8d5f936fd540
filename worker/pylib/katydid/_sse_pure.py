# SPDX-License-Identifier: MIT
"""Server-sent events under stock Locust, over its own streamed responses. Times are those at which Python came round to
what had arrived."""

import time

import gevent

from ._sse_parts import BODY_MOST, Event as Fields

_BOM = b"\xef\xbb\xbf"
_RETRY_MOST = 0xFFFFFFFF
_RETRY_DIGITS = 11  # more are more than that


class Event(Fields):
    __slots__ = ("data", "event", "id", "retry", "time")

    def __init__(self, event, data, id, retry, time):
        self.event, self.data, self.id, self.retry, self.time = event, data, id, retry, time


class Parser:
    """feed(bytes) gives (event, data, id, retry) of what is whole."""

    def __init__(self, most, last_id=""):
        self._most, self._last_id, self._next_id = most, last_id, last_id
        self._buffer, self._has_begun, self._was_cr = b"", False, False
        self._size, self._data, self._event, self._retry = 0, [], "", None
        self.retry = None

    def feed(self, part):
        self._buffer += part
        if not self._has_begun:
            if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
                return
            self._buffer, self._has_begun = self._buffer.removeprefix(_BOM), True
        while (line := self._line()) is not None:
            if (event := self._take(line)) is not None:
                yield event
        if self._buffer.startswith(b":"):
            self._buffer = b":"  # the rest of a comment is nobody's
        self._bound(self._buffer)

    def _bound(self, line):
        if len(line) + self._size > self._most:
            raise ValueError(f"an event of more than {self._most} bytes")

    @staticmethod
    def end():
        """There will be no more: what is not whole is no event."""
        return ()

    def _line(self):
        if self._was_cr and self._buffer:
            self._buffer, self._was_cr = self._buffer.removeprefix(b"\n"), False
        ends = [at for at in (self._buffer.find(b"\n"), self._buffer.find(b"\r")) if at >= 0]
        if not ends:
            return None
        line, self._was_cr = self._buffer[: min(ends)], self._buffer[min(ends)] == 13
        self._buffer = self._buffer[min(ends) + 1 :]
        return line

    def _take(self, line):
        if not line:
            return self._end()
        name, _, value = line.partition(b":")
        if not name:
            return None  # a comment
        self._bound(line)
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value.decode("utf-8", "replace"))
            self._size += len(value) + 1
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._next_id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            self.retry = self._retry = min(int(value.lstrip(b"0")[:_RETRY_DIGITS] or 0), _RETRY_MOST)
        return None

    def _end(self):
        self._last_id = self._next_id
        told = None
        if self._data:
            told = self._event or "message", "\n".join(self._data), self._last_id, self._retry
            self._retry = None
        self._event, self._data, self._size = "", [], 0
        return told


class Lines:
    """The same of lines, of which each that is not blank is the data of an event; the last one may end with the stream."""

    retry = None

    def __init__(self, most, last_id=""):
        self._most, self._last_id, self._buffer, self._has_begun = most, last_id, b"", False

    def feed(self, part):
        *lines, self._buffer = (self._buffer + part).split(b"\n")
        for line in lines:
            yield from self._take(line)
        if len(self._buffer) > self._most:
            self._refuse()

    def end(self):
        line, self._buffer = self._buffer, b""
        return self._take(line)

    def _take(self, line):
        line, self._has_begun = line if self._has_begun else line.removeprefix(_BOM), True
        if len(line) > self._most:
            self._refuse()
        if line := line.rstrip(b" \t\r"):
            yield "message", line.decode("utf-8", "replace"), self._last_id, None

    def _refuse(self):
        raise ValueError(f"an event of more than {self._most} bytes")


class Reader:
    def __init__(self, response, most, gaps, told, tags, last_id, lines):
        self._response, self._gaps, self._told, self._tags = response, gaps, told, tags
        self._parser = (Lines if lines else Parser)(most, last_id)
        self._start = response.katydid_start
        self._parts = _parts(response)
        self._waiting, self._until, self._last = [], None, None
        self.state, self.error, self.last_id, self.count = "open", None, last_id, 0

    @property
    def retry(self):
        return self._parser.retry

    def limit(self, seconds):
        self._until = None if seconds is None else time.perf_counter() + seconds

    def next(self):
        while not self._waiting and self.state == "open":
            left = None if self._until is None else self._until - time.perf_counter()
            if left is not None and left <= 0:
                return None
            if not self._read(left):
                break
        if not self._waiting:
            return None
        event = self._waiting.pop(0)
        self.last_id = event.id
        self.count += 1
        return event

    def _read(self, left):
        part = None
        try:
            with gevent.Timeout(left, False):
                part = next(self._parts, b"")
            if part is None:
                return False
            self._keep(self._parser.feed(part) if part else self._parser.end())
        except Exception as error:
            self.state, self.error = "failed", error
            return False
        if not part:
            self.state = "ended"
        return bool(part)

    def _keep(self, events):
        now = time.perf_counter()
        for fields in events:
            self._waiting.append(Event(*fields, now - self._start))
            self._told and self._told.add(1, tags=self._tags)
            if self._gaps and self._last is not None:
                self._gaps.add((now - self._last) * 1000, tags=self._tags)
            self._last = now

    def close(self):
        self.state = "ended" if self.state == "open" else self.state
        Streams.close(self._response)


def _parts(response):
    """Bytes as they come: of requests' response, or of geventhttpclient's, line by line."""
    raw = getattr(response, "raw", None)
    if raw is None:
        yield from iter(lambda: bytes(response._response.readline(b"\n")), b"")
    elif raw.chunked:
        yield from raw.stream(65536, decode_content=True)
    else:
        read = getattr(raw, "read1", None) or (lambda _: raw.read(1))  # urllib3 1.26 would wait for all of more
        yield from iter(lambda: read(65536), b"")


class Streams:
    """What differs between Katydid's clients and Locust's own."""

    @staticmethod
    def open_stream(client, method, url, kind, name, headers, options, judge, is_held):
        start = time.perf_counter()
        response = client.request(method, url, name=name, headers=headers, stream=True, catch_response=True, **options)
        response.katydid_start = start
        response.request_meta["request_type"] = kind
        problem = judge(response)
        if is_held and problem is None and response.status_code == 200:
            return response, None
        with response:
            if problem is not None:
                response.failure(problem)
        return response, problem

    @staticmethod
    def read_body(response):
        try:
            with gevent.Timeout(5, False):
                response.content[:BODY_MOST]
        except Exception:  # cut off: what came is what there is to say
            pass

    @staticmethod
    def read_events(response, most, gaps, told, tags, last_id, lines):
        return Reader(response, most, gaps, told, tags, last_id, lines)

    @staticmethod
    def is_failed(response):
        return not response.status_code

    @staticmethod
    def close(response):
        if getattr(response, "raw", getattr(response, "_response", None)) is None:  # nobody answered
            return None
        for way in ("close", "release"):
            if hasattr(response, way):
                return getattr(response, way)()

    @staticmethod
    def request_event(client):
        return getattr(client, "request_event", None) or client.environment.events.request

    @staticmethod
    def count_cut(client, kind, name):
        """Locust counts nothing of what it cuts off."""
