# SPDX-License-Identifier: MIT
"""The names that gRPC's users know: those of the package grpc where it is installed, so that `except grpc.RpcError` and
interceptors meet what they expect, else equal ones."""

import enum
from collections import namedtuple

__all__ = ["Call", "Channel", "Compression", "Future", "FutureCancelledError", "FutureTimeoutError", "Metadatum", "RpcError",
           "StatusCode"]

Metadatum = namedtuple("Metadatum", ("key", "value"))

try:
    from grpc import (Call, Channel, Compression, Future, FutureCancelledError, FutureTimeoutError, RpcError,
                      StatusCode)
except ImportError:

    class RpcError(Exception):
        """A call that failed."""

    class Call:
        pass

    class Future:
        pass

    class Channel:
        pass

    class FutureTimeoutError(Exception):
        """A future was not there in time."""

    class FutureCancelledError(Exception):
        """A future was cancelled."""

    class Compression(enum.IntEnum):
        NoCompression = 0
        Deflate = 1
        Gzip = 2

    class StatusCode(enum.Enum):
        OK = (0, "ok")
        CANCELLED = (1, "cancelled")
        UNKNOWN = (2, "unknown")
        INVALID_ARGUMENT = (3, "invalid argument")
        DEADLINE_EXCEEDED = (4, "deadline exceeded")
        NOT_FOUND = (5, "not found")
        ALREADY_EXISTS = (6, "already exists")
        PERMISSION_DENIED = (7, "permission denied")
        RESOURCE_EXHAUSTED = (8, "resource exhausted")
        FAILED_PRECONDITION = (9, "failed precondition")
        ABORTED = (10, "aborted")
        OUT_OF_RANGE = (11, "out of range")
        UNIMPLEMENTED = (12, "unimplemented")
        INTERNAL = (13, "internal")
        UNAVAILABLE = (14, "unavailable")
        DATA_LOSS = (15, "data loss")
        UNAUTHENTICATED = (16, "unauthenticated")


def coding_of(compression):
    """Its number."""
    if compression is None:
        return 0
    if not isinstance(compression, int) or not 0 <= compression < len(Compression):
        raise ValueError(f"compression is one of Compression, not {compression!r}")
    return int(compression)


def check_ok(ok):
    """A status, or several, that are no failure."""
    if ok is None or isinstance(ok, StatusCode):
        return
    if not isinstance(ok, (list, tuple, set, frozenset)) or not all(isinstance(code, StatusCode) for code in ok):
        raise TypeError(f"ok is a StatusCode, or several, not {ok!r}")
