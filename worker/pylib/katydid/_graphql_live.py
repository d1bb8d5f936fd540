# SPDX-License-Identifier: MIT
"""Operations of GraphQL whose results come one after the other (docs/graphql.md): over WebSocket, by the protocol
graphql-transport-ws, or over server-sent events, a connection for each.

    with self.client.graphql_subscribe("subscription Prices { price }") as prices:
        for answer in prices.until(n=10, seconds=30):
            print(answer.data["price"])

Rows: `GraphQL first` from the message that subscribes to the first result, `GraphQL next` of each result, without a time,
`GraphQL close` of subscriptions that ended otherwise than their user wanted. Metric: `graphql_gap` (ms between two results,
as they arrived), with the tag `name`."""

import functools
import itertools
import json
import sys
import time
from collections import deque
from types import SimpleNamespace

from gevent import GreenletExit
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

from . import _ws_names
from ._backend import Streams
from ._graphql import GraphQLError, GraphQLResponse, asked_of, text_of
from ._sse import EventStream, StreamError
from .metrics import Trend

PROTOCOL = "graphql-transport-ws"
FIRST, NEXT, CLOSE = "GraphQL first", "GraphQL next", "GraphQL close"
_WAITING_MOST = 10_000  # results of one subscription, while another one of its connection is read


@functools.cache
def _gap():
    return Trend("graphql_gap", unit="ms")


def _failures():
    return _ws_names.WebSocketException, OSError  # the first is another class once the package websocket-client is there


def _tell(client, kind, name, ms, length=0, error=None, response=None):
    user = getattr(client, "user", None)
    Streams.request_event(client).fire(
        request_type=kind, name=name, response_time=ms, response_length=length, exception=error,
        context=dict(user.context()) if user is not None else {}, response=response, start_time=time.time() - (ms or 0) / 1000,
        url=None)


class Subscription:
    """Results of one operation. ok: nothing was wrong; error: what was, or None; count: results so far."""

    def __init__(self, client, name, source, allow_partial=False, error=None):
        self.name, self.error, self.count = name, error, 0
        self._client, self._source, self._allow_partial = client, source, allow_partial
        self._is_over = error is not None
        self._last = None  # when the last result arrived

    @property
    def ok(self):
        return self.error is None

    def until(self, n=None, seconds=None):
        """The next results, at most n, at most for so many seconds; all where neither is given."""
        end = None if seconds is None else time.monotonic() + seconds
        while (n is None or n > 0) and not self._is_over:
            try:
                kind, said, arrived = self._source.next(None if end is None else end - time.monotonic())
            except BaseException:
                self._cut()
                raise
            if kind == "late":
                return
            if kind != "next":
                self._end(kind, said, arrived)
                return
            answer = GraphQLResponse(self._source.response, said, self._allow_partial)
            answer.time = arrived
            self._count(answer)
            if n is not None:
                n -= 1
            yield answer

    def __iter__(self):
        return self.until()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and issubclass(kind, GreenletExit):
            self._cut()
        self.close()

    def close(self):
        """Wants no more of it."""
        was_over, self._is_over = self._is_over, True
        if self._source is not None:
            source, self._source = self._source, None
            source.close(was_over)

    # ---- inside

    def _count(self, answer):
        if self._last is None:
            _tell(self._client, FIRST, self.name, answer.time * 1000)
        else:
            _gap().add((answer.time - self._last) * 1000, tags={"name": self.name})
        self._last = answer.time
        self.count += 1
        _tell(self._client, NEXT, self.name, None, error=answer.error)

    def _end(self, kind, said, arrived):
        self._is_over = True
        if kind == "complete":
            return
        if kind == "error":
            errors = said if isinstance(said, list) and said else [{}]
            said = GraphQLError(text_of(errors[0]))
        self.fail(said, arrived)

    def fail(self, error, arrived=None):
        self._is_over, self.error = True, error
        has_begun = self._last is not None
        _tell(self._client, CLOSE if has_begun else FIRST, self.name,
              None if has_begun or arrived is None else arrived * 1000, error=error)

    def _cut(self):
        if not self._is_over:
            self._is_over = True
            Streams.count_cut(self._client, FIRST if self._last is None else CLOSE, self.name)


# ---- over WebSocket ------------------------------------------------------------------------------


class GraphQLSocket:
    """A connection that operations are asked over, each by subscribe(). One greenlet reads them."""

    def __init__(self, client, url="/graphql", name=None, payload=None, connect_timeout=60, **options):
        from .websocket import connect  # most files have no use for it

        user = getattr(client, "user", None)
        self.name, self._client = name or url, client
        self._ids, self._waiting = itertools.count(1), {}
        self.socket = connect(user if user is not None else SimpleNamespace(client=client, host=client.base_url), url,
                              name=self.name, subprotocols=[PROTOCOL], connect_timeout=connect_timeout, **options)
        try:
            self.acknowledged = self._begin(payload, connect_timeout)
        except BaseException:
            self.socket.__exit__(*sys.exc_info())
            raise

    def _begin(self, payload, timeout):
        if self.socket.subprotocol != PROTOCOL:
            error = GraphQLError(f"the server does not speak {PROTOCOL}")
            _tell(self._client, CLOSE, self.name, None, error=error)
            raise error
        hello = {"type": "connection_init"} if payload is None else {"type": "connection_init", "payload": payload}
        answer = self.socket.request(hello, match=lambda said: said["type"] == "connection_ack", name=f"init {self.name}",
                                     timeout=timeout)
        return answer.get("payload")

    def subscribe(self, query, variables=None, operation_name=None, name=None, extensions=None, allow_partial=False):
        """Asks one operation; its results are read from what this gives."""
        row, sent = asked_of(query, variables, operation_name, extensions)
        source = _OfSocket(self, str(next(self._ids)))
        subscription = Subscription(self._client, name or row, source, allow_partial)
        self._waiting[source.id] = deque()
        try:
            self.send({"id": source.id, "type": "subscribe", "payload": sent})
        except _failures() as error:
            subscription.fail(error)
        return subscription

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.socket.__exit__(*raised)

    # ---- for subscriptions

    def send(self, message):
        self.socket.send(json.dumps(message))

    def next_of(self, id, seconds):
        """(kind, what, time.monotonic_ns() of its arrival); kind: next, error, complete, or late: nothing came, lost: nothing will."""
        end = None if seconds is None else time.monotonic() + seconds
        waiting = self._waiting.get(id, ())
        while not waiting:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return "late", None, 0
            try:
                self._deal(self.socket.recv(timeout=left))
            except _failures() as error:
                if isinstance(error, _ws_names.WebSocketTimeoutException) and end is not None and time.monotonic() >= end:
                    return "late", None, 0
                return "lost", error, time.monotonic_ns()
        return waiting.popleft()

    def _deal(self, text):
        arrived = getattr(self.socket, "_arrived_ns", 0) or time.monotonic_ns()
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "ping":
            self.send({"type": "pong"})
        elif kind in ("next", "error", "complete"):
            waiting = self._waiting.get(str(message.get("id")))
            if waiting is None:
                return  # of one that nobody wants any more
            if len(waiting) == _WAITING_MOST:
                raise _ws_names.WebSocketException(f"{_WAITING_MOST} results of a subscription wait already")
            waiting.append((kind, message.get("payload"), arrived))
        elif kind not in ("pong", "connection_ack"):
            raise _ws_names.WebSocketProtocolException(f"a message that is none of {PROTOCOL}")

    def forget(self, id, was_over):
        self._waiting.pop(id, None)
        if not was_over and self.socket.connected:
            try:
                self.send({"id": id, "type": "complete"})
            except _failures():
                pass  # it is gone, and so is the subscription


class _OfSocket:
    """One operation of a connection. owns: it is the only one, and the connection goes with it."""

    owns = False

    def __init__(self, socket, id):
        self.id, self._socket, self.response = id, socket, socket.socket
        self._began = time.monotonic_ns()

    def next(self, seconds):
        kind, said, arrived = self._socket.next_of(self.id, seconds)
        return kind, said, max(0, arrived - self._began) / 1e9

    def close(self, was_over):
        self._socket.forget(self.id, was_over)
        if self.owns:
            self._socket.__exit__(*sys.exc_info())


# ---- over server-sent events ---------------------------------------------------------------------


class _Events(EventStream):
    """A stream whose first event and end are told by the subscription."""

    _is_counting = False

    def _begin(self, event):
        self._has_begun = True

    def _tell(self, kind, ms, length=0, error=None):
        pass

    def _cut(self):
        self._is_over = True


class _OfEvents:
    def __init__(self, stream):
        self._stream, self.response = stream, stream.response

    def next(self, seconds):
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if end is None else end - time.monotonic()
            event = next(self._stream.until(n=1, seconds=left), None)
            if event is None:
                break
            if event.event == "complete":
                return "complete", None, event.time
            if event.event == "next":
                return "next", self._said(event), event.time
        if self._stream.ok:
            return "late", None, 0
        return "lost", self._stream.error or StreamError("the stream ended before it was complete"), None

    @staticmethod
    def _said(event):
        try:
            return event.json()
        except (ValueError, RecursionError):
            return None

    def close(self, was_over):
        self._stream.close()


def _why_none(stream):
    """What was wrong with a stream that could not be opened."""
    try:
        errors = json.loads(stream.response.text or "null")["errors"]
        return GraphQLError(text_of(errors[0]))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return stream.error or StreamError("no stream")


def graphql_subscribe(client, query, variables=None, operation_name=None, name=None, url="/graphql", transport="websocket",
                      payload=None, extensions=None, allow_partial=False, **options):
    """Asks one operation over a connection of its own. transport: "websocket" or "sse". payload: of connection_init. Other
    keywords are those of WebSocketUser's connect(), or of a request."""
    if transport not in ("websocket", "sse"):
        raise ValueError(f"transport is 'websocket' or 'sse', not {transport!r}")
    row, sent = asked_of(query, variables, operation_name, extensions)
    name = name or row
    if transport == "sse":
        stream = _Events(client, url, name, options.pop("headers", None), "POST", ends=True, json=sent, **options)
        error = None if stream.ok else _why_none(stream)
        return Subscription(client, name, _OfEvents(stream), allow_partial, error)
    try:
        socket = GraphQLSocket(client, url, name, payload, **options)
    except (*_failures(), GraphQLError) as error:
        return Subscription(client, name, None, allow_partial, error)
    subscription = socket.subscribe(query, variables, operation_name, name, extensions, allow_partial)
    subscription._source.owns = True
    return subscription


def graphql_socket(client, url="/graphql", **options):
    """A connection for several operations at a time."""
    return GraphQLSocket(client, url, **options)


HttpSession.graphql_subscribe = FastHttpSession.graphql_subscribe = graphql_subscribe
HttpSession.graphql_socket = FastHttpSession.graphql_socket = graphql_socket
