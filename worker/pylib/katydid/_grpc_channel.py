# SPDX-License-Identifier: MIT
"""Channels: what generated stubs are made with. They have the four factories of grpc.Channel."""

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from collections import namedtuple

import _katydid
from locust import events
from locust.clients import HttpSession

from ._grpc_calls import FutureCall, StreamCall, feed
from ._grpc_names import Channel as _Channel
from ._grpc_names import coding_of

MESSAGE_MOST = 4 << 20  # bytes, as everywhere in gRPC
_UNLIMITED = 0xFFFFFFFF
_NEVER = 0x7FFFFFFF  # ms, as grpc says it
_TARGET = re.compile(r"(?:(?P<scheme>dns|ipv4|ipv6|https?|grpcs?):(?://(?:[^/]*/(?=[^/]))?)?)?(?P<authority>[^/]+)/?$")
_UNIX = re.compile(r"unix:(?://(?=/))?(?P<path>[^\0]+)$")

ChannelCredentials = namedtuple("ChannelCredentials", ("root_certificates", "private_key", "certificate_chain", "verify"))


def ssl_channel_credentials(root_certificates=None, private_key=None, certificate_chain=None, *, verify=True):
    """TLS. Each is bytes, as grpc has them, or the path of a PEM file; None: the system's certificates, and none of the
    client's. verify=False believes any server."""
    return ChannelCredentials(root_certificates, private_key, certificate_chain, verify)


class _Files:
    """Bytes that OpenSSL reads from files, while this process is on."""

    folder = None

    @classmethod
    def path(cls, pem):
        if pem is None or isinstance(pem, (str, os.PathLike)):
            return pem if pem is None else os.fspath(pem)
        if cls.folder is None:
            cls.folder = tempfile.mkdtemp(prefix="katydid-grpc-")
            atexit.register(shutil.rmtree, cls.folder, ignore_errors=True)
        path = os.path.join(cls.folder, hashlib.sha256(pem).hexdigest())
        if not os.path.exists(path):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(pem)
        return path


def split_target(target):
    """(host, port, authority, whether its scheme says TLS, or None) of a target as grpc has them, or of a URL."""
    if socket := _UNIX.match(target):
        return os.path.abspath(socket["path"]), 443, "localhost", None
    match = _TARGET.match(target)
    if target.startswith(("unix:", "unix-abstract:", "vsock:", "xds:")) or not match:
        raise ValueError(f"not a target of gRPC that can be called: {target!r} (host:port, dns:///host:port, https://host:port, unix:///path)")
    scheme, authority = match["scheme"], match["authority"]
    is_tls = {"https": True, "grpcs": True, "http": False, "grpc": False}.get(scheme)
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, "80" if scheme == "http" else "443"
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host, port, authority = authority, "443", f"[{authority}]"
    if not port.isdigit() or not 0 < int(port) < 65536 or not host:
        raise ValueError(f"not a target of gRPC: {target!r}")
    return host, int(port), authority, is_tls


def _limit(bytes_most):
    return _UNLIMITED if bytes_most < 0 else bytes_most


def _keepalive(options):
    """What a session is told of grpc's options for keeping connections alive; nothing, without them."""
    def of(name, initial, least, most=_NEVER):
        value = options.get(f"grpc.{name}", initial)
        if not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"grpc.{name} is a whole number from {least} to {most}, not {value!r}")
        return value

    every, wait = of("keepalive_time_ms", _NEVER, 1), of("keepalive_timeout_ms", 20_000, 1)
    is_always = of("keepalive_permit_without_calls", 0, 0, 1)
    if every == _NEVER:
        return {}
    return {"ping": every / 1000, "ping_wait": wait / 1000, "pings_busy_only": not is_always}


class Channel(_Channel):
    """Calls by Katydid's C. user: whose calls these are; without one they are of nobody in particular."""

    def __init__(self, target, credentials=None, options=None, compression=None, *, user=None, request_event=None,
                 metadata=None, timeout=None):
        host, port, authority, _ = split_target(target)
        options = dict(options or ())
        name = options.get("grpc.ssl_target_name_override")
        authority = options.get("grpc.default_authority") or name or authority
        tls = credentials and (bool(credentials.verify), _Files.path(credentials.root_certificates),
                               _Files.path(credentials.certificate_chain), _Files.path(credentials.private_key), name)
        if request_event is None:
            request_event = user.environment.events.request if user is not None else events.request
        self._session = HttpSession(f"http{'s' if tls else ''}://{authority}", request_event, user)
        if pings := _keepalive(options):
            self._session._configure(**pings)
        agent = " ".join(filter(None, (options.get("grpc.primary_user_agent"), "grpc-katydid")))
        self._core = _katydid.GrpcChannel(
            self._session, host, port, authority, agent, tls,
            _limit(options.get("grpc.max_send_message_length", MESSAGE_MOST)),
            _limit(options.get("grpc.max_receive_message_length", MESSAGE_MOST)),
            coding_of(compression), metadata, timeout or 0.0)

    def unary_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return _katydid.GrpcMethod(self._core, _path(method), request_serializer, response_deserializer)

    def unary_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return UnaryStream(self._core, _path(method), request_serializer, response_deserializer, False, True)

    def stream_unary(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return StreamUnary(self._core, _path(method), request_serializer, response_deserializer, True, False)

    def stream_stream(self, method, request_serializer=None, response_deserializer=None, _registered_method=False):
        return StreamStream(self._core, _path(method), request_serializer, response_deserializer, True, True)

    def subscribe(self, callback, try_to_connect=False):
        """Connections are made by calls: there is no state to tell of."""

    def unsubscribe(self, callback):
        pass

    def close(self):
        """Closes connections that nothing is on; the channel can be used again."""
        self._session.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        return False


def _path(method):
    method = method.decode() if isinstance(method, bytes) else method
    return method if method.startswith("/") else f"/{method}"


class UnaryStream(_katydid.GrpcMethod):
    def __call__(self, request, *args, **kwargs):
        return StreamCall(self._start(request, *args, **kwargs))


class StreamUnary(_katydid.GrpcMethod):
    def _begin(self, requests, args, kwargs):
        requests = iter(requests)  # before a call is begun: what is no stream makes none
        call = self._start(requests, *args, **kwargs)
        return call, feed(call, requests, self._serialize)

    def with_call(self, request_iterator, *args, **kwargs):
        call, feeder = self._begin(request_iterator, args, kwargs)
        try:
            return call._finish(), call
        finally:
            if not feeder.dead:
                feeder.kill(block=False)

    def __call__(self, request_iterator, *args, **kwargs):
        return self.with_call(request_iterator, *args, **kwargs)[0]

    def future(self, request_iterator, *args, **kwargs):
        return FutureCall(*self._begin(request_iterator, args, kwargs))


class StreamStream(_katydid.GrpcMethod):
    def __call__(self, request_iterator, *args, **kwargs):
        requests = iter(request_iterator)
        call = self._start(requests, *args, **kwargs)
        return StreamCall(call, feed(call, requests, self._serialize))


def insecure_channel(target, options=None, compression=None, **kwargs):
    return Channel(target, None, options, compression, **kwargs)


def secure_channel(target, credentials, options=None, compression=None, **kwargs):
    return Channel(target, credentials, options, compression, **kwargs)
