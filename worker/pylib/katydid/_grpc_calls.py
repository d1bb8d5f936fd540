# SPDX-License-Identifier: MIT
"""What a script has in its hands of a call: an error, a future, a stream. The call itself is C's (_katydid.GrpcCall)."""

import logging
import sys
from weakref import WeakSet

import _katydid
import gevent

from ._grpc_names import Call, Future, FutureCancelledError, FutureTimeoutError, Metadatum, RpcError, StatusCode

logger = logging.getLogger("katydid.grpc")


class _Asked(Call):
    """Answers grpc.Call's questions by the call in C."""

    _call = None

    def code(self):
        return self._call.code()

    def details(self):
        return self._call.details()

    def initial_metadata(self):
        return self._call.initial_metadata()

    def trailing_metadata(self):
        return self._call.trailing_metadata()

    def is_active(self):
        return self._call.is_active()

    def time_remaining(self):
        return self._call.time_remaining()


class CallError(RpcError, _Asked, Future):
    """A call that failed; it is its own call, and a future that is over."""

    def __init__(self, call):
        super().__init__(call._text)
        self._call = call

    def __str__(self):
        return self._call._text

    __repr__ = __str__

    def debug_error_string(self):
        return self._call._text

    def cancel(self):
        return False

    def cancelled(self):
        return self.code() is StatusCode.CANCELLED

    def running(self):
        return False

    def done(self):
        return True

    def add_callback(self, callback):
        return False

    def add_done_callback(self, callback):
        callback(self)

    def result(self, timeout=None):
        raise self

    def exception(self, timeout=None):
        return self

    def traceback(self, timeout=None):
        return self.__traceback__


class _Ending:
    """Callbacks, once it is over."""

    _callbacks = None  # None: it is

    def add_callback(self, callback):
        """Calls callback() when it is over. False: it is already, and will not."""
        if self._callbacks is None:
            return False
        self._callbacks.append(callback)
        return True

    def add_done_callback(self, callback):
        if not self.add_callback(lambda: callback(self)):
            callback(self)

    def _run_callbacks(self):
        callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            try:
                callback()
            except Exception:
                logger.exception("a callback of %s failed", self._call.name)


class FutureCall(_Ending, _Asked, Future):
    """One answer, later. A greenlet of its own waits for it."""

    def __init__(self, call, feeder=None):
        self._call, self._callbacks, self._answer, self._error = call, [], None, None
        self._waiter = gevent.spawn(self._wait, feeder)
        if call._user is not None:
            waiters = call._user.__dict__.setdefault("_futures", set())
            waiters.add(self._waiter)
            self._waiter.rawlink(waiters.discard)

    def _wait(self, feeder):
        try:
            self._answer = self._call._finish()
        except Exception as error:
            self._error = error
        finally:
            _end_feeding(feeder)
        self._run_callbacks()

    def _joined(self):
        self._waiter.join()
        return self._call

    def code(self):
        return self._joined().code()

    def details(self):
        return self._joined().details()

    def initial_metadata(self):
        return self._joined().initial_metadata()

    def trailing_metadata(self):
        return self._joined().trailing_metadata()

    def _over(self, timeout):
        self._waiter.join(timeout)
        if not self._waiter.dead:
            raise FutureTimeoutError()
        if self.cancelled():
            raise FutureCancelledError()

    def result(self, timeout=None):
        self._over(timeout)
        if self._error is not None:
            raise self._error
        return self._answer

    def exception(self, timeout=None):
        self._over(timeout)
        return self._error

    def traceback(self, timeout=None):
        self._over(timeout)
        return self._error and self._error.__traceback__

    def cancel(self):
        return self._call.cancel()

    def cancelled(self):
        return not self._call.is_active() and self._call.code() is StatusCode.CANCELLED

    def running(self):
        return not self.done()

    def done(self):
        return self._waiter.dead or not self._call.is_active()


class StreamCall(_Ending, _Asked, Future):
    """Answers one by one: an iterator that is a call. Who lets go of it ends it; with `with`, at the end of the block."""

    def __init__(self, call, feeder=None):
        self._call, self._feeder, self._callbacks = call, feeder, []
        if call._user is not None:
            call._user.__dict__.setdefault("_streams", WeakSet()).add(self)

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return self._call._receive()
        except BaseException:
            if not self._call.is_active():
                self._finish()
            raise

    next = __next__

    def _finish(self):
        _end_feeding(self._feeder)
        self._run_callbacks()

    def cancel(self):
        is_now = self._call.cancel()
        self._finish()
        return is_now

    def cancelled(self):
        return not self._call.is_active() and self._call.code() is StatusCode.CANCELLED

    def running(self):
        return self._call.is_active()

    def done(self):
        return not self._call.is_active()

    def result(self, timeout=None):
        """Reads what is left and drops it; raises what the call failed with. None."""
        with gevent.Timeout(timeout, FutureTimeoutError):
            for _ in self:
                pass

    def exception(self, timeout=None):
        try:
            self.result(timeout)
        except RpcError as error:
            return error

    def traceback(self, timeout=None):
        error = self.exception(timeout)
        return error and error.__traceback__

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._call.is_active():
            self.cancel()

    def _drop(self):
        call = self.__dict__.get("_call")
        if call is not None and call.is_active():
            call._abandon()
            _end_feeding(self._feeder)

    __del__ = _drop


def end_all(user):
    """Ends what a user that is over has under way."""
    gevent.killall(list(user.__dict__.get("_futures", ())))
    for stream in list(user.__dict__.get("_streams", ())):
        stream._drop()


# Requests that are a stream

def feed(call, requests, serialize):
    """Gives the call its requests, as there is room for them, in a greenlet of its own."""
    return gevent.spawn(_feed, call, requests, serialize)


def _feed(call, requests, serialize):
    try:
        for request in requests:
            if not call._send(serialize(request) if serialize else request):
                return
        call._send(None)
    except Exception as error:
        if call._fail(f"Exception iterating requests! {error!r}"):
            logger.warning("the requests of %s: %r", call.name, error, exc_info=sys.exc_info())


def _end_feeding(feeder):
    if feeder is not None and not feeder.dead:
        feeder.kill(block=False)


_katydid.grpc_bind(tuple(StatusCode), CallError, Metadatum, FutureCall)
