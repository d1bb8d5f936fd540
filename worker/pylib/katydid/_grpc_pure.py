# SPDX-License-Identifier: MIT
"""The same names under stock Locust: grpcio's own channel, made to wait cooperatively, and calls as ordinary request events.

A call is timed from its start to its status, as Katydid does; that of a stream ends when its answers were read. There is no
row of a stream's first message, and nothing of phases or bytes on the wire."""

import time

import grpc
import grpc.experimental.gevent as grpc_gevent
from grpc import ssl_channel_credentials
from locust import events

from ._grpc_names import check_ok, coding_of

grpc_gevent.init_gevent()

_OURS = ("name", "tags", "context", "ok")


def split_target(target):
    """(None, None, authority, whether its scheme says TLS, or None)."""
    scheme, mark, rest = target.partition("://")
    if mark and scheme in ("http", "https", "grpc", "grpcs"):
        return None, None, rest.rstrip("/"), scheme.endswith("s")
    return None, None, target, None


def end_all(user):
    """What is under way is grpcio's to end, with the channel."""


class Channel:
    """A channel of grpcio whose calls are told of. Each has a connection of its own, as with Katydid: grpcio lets those
    with the same arguments share one."""

    def __init__(self, target, credentials=None, options=None, compression=None, *, user=None, request_event=None, metadata=None,
                 timeout=None):
        authority = split_target(target)[2]
        coding_of(compression)
        options = (*(options or ()), ("grpc.use_local_subchannel_pool", 1))
        if credentials is None:
            self._channel = grpc.insecure_channel(authority, options, compression)
        else:
            self._channel = grpc.secure_channel(authority, credentials, options, compression)
        if request_event is None:
            request_event = user.environment.events.request if user is not None else events.request
        self._event, self._user = request_event, user
        self._metadata = tuple(metadata.items() if isinstance(metadata, dict) else metadata or ())
        self._timeout = timeout

    def _asked(self, timeout, metadata, more):
        return {"timeout": self._timeout if timeout is None else timeout, "metadata": (*self._metadata, *(metadata or ())),
                **{key: value for key, value in more.items() if key not in _OURS}}

    def unary_unary(self, method, *serializers, **named):
        return _Method(self, method, self._channel.unary_unary(method, *serializers, **named), False)

    def unary_stream(self, method, *serializers, **named):
        return _Method(self, method, self._channel.unary_stream(method, *serializers, **named), True)

    def stream_unary(self, method, *serializers, **named):
        return _Method(self, method, self._channel.stream_unary(method, *serializers, **named), False)

    def stream_stream(self, method, *serializers, **named):
        return _Method(self, method, self._channel.stream_stream(method, *serializers, **named), True)

    def fire(self, name, started, began, length, error, context):
        context = {**(self._user.context() if self._user is not None else {}), **(context or {})}
        self._event.fire(request_type="grpc", name=name, response_time=(time.perf_counter() - began) * 1000, response_length=length,
                         exception=error, context=context, response=None, start_time=started, url=None)

    def close(self):
        self._channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        return False


class _Method:
    def __init__(self, channel, path, method, is_stream):
        self._channel, self._path, self._method, self._is_stream = channel, path, method, is_stream

    def __call__(self, request, timeout=None, metadata=None, **more):
        if self._is_stream:
            return self._stream(request, timeout, metadata, more)
        return self.with_call(request, timeout, metadata, **more)[0]

    def with_call(self, request, timeout=None, metadata=None, **more):
        check_ok(more.get("ok"))
        started, began, error, length = time.time(), time.perf_counter(), None, 0
        try:
            answer, call = self._method.with_call(request, **self._channel._asked(timeout, metadata, more))
            length = _length(answer)
            return answer, call
        except grpc.RpcError as raised:
            error = raised
            raise
        finally:
            self._channel.fire(more.get("name") or self._path, started, began, length, _Told.of(error, more.get("ok")), more.get("context"))

    def future(self, request, timeout=None, metadata=None, **more):
        check_ok(more.get("ok"))
        started, began = time.time(), time.perf_counter()
        future = self._method.future(request, **self._channel._asked(timeout, metadata, more))

        def over(future):
            error = None if future.cancelled() else future.exception()
            length = 0 if error or future.cancelled() else _length(future.result())
            self._channel.fire(more.get("name") or self._path, started, began, length, _Told.of(error, more.get("ok")), more.get("context"))

        future.add_done_callback(over)
        return future

    def _stream(self, request, timeout, metadata, more):
        check_ok(more.get("ok"))
        started, began = time.time(), time.perf_counter()
        call = self._method(request, **self._channel._asked(timeout, metadata, more))
        return _Stream(call, lambda length, error: self._channel.fire(
            more.get("name") or self._path, started, began, length, _Told.of(error, more.get("ok")), more.get("context")))


class _Stream:
    """The answers of a stream, which is told of when they were read, or somebody cancelled it."""

    def __init__(self, call, tell):
        self._call, self._tell, self._length = call, tell, 0

    def __iter__(self):
        return self

    def __next__(self):
        try:
            answer = next(self._call)
        except StopIteration:
            self._over(None)
            raise
        except grpc.RpcError as error:
            self._over(error)
            raise
        self._length += _length(answer)
        return answer

    def _over(self, error):
        tell, self._tell = self._tell, None
        if tell:
            tell(self._length, error)

    def cancel(self):
        self._over(None)
        return self._call.cancel()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cancel()

    def __getattr__(self, name):
        return getattr(self._call, name)


def _length(answer):
    size = getattr(answer, "ByteSize", None)
    return size() if size else len(answer) if isinstance(answer, (bytes, str)) else 0


class _Told(Exception):
    """A failure in the words of Katydid's."""

    @classmethod
    def of(cls, error, ok):
        if error is None or ok is error.code() or (ok is not None and not isinstance(ok, grpc.StatusCode) and error.code() in ok):
            return None
        told = cls(f"{error.code()}: {error.details()}")
        told.__cause__ = error
        return told

    def __repr__(self):
        return str(self)


def insecure_channel(target, options=None, compression=None, **kwargs):
    return Channel(target, None, options, compression, **kwargs)


def secure_channel(target, credentials, options=None, compression=None, **kwargs):
    return Channel(target, credentials, options, compression, **kwargs)
