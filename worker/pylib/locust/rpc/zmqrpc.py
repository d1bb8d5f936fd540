# SPDX-License-Identifier: MIT
"""Both ends of the wire for a MasterRunner or WorkerRunner of the library, with whole messages."""

import _katydid
import msgpack

from ..exception import RPCError, RPCReceiveError, RPCSendError
from ..util.exception_handler import retry
from .protocol import Message

_BAD_PAYLOAD = (ValueError, TypeError, KeyError, RecursionError, msgpack.UnpackException)


def _unserialize(payload, addr=None):
    try:
        message = Message.unserialize(payload)
    except _BAD_PAYLOAD as error:
        raise RPCReceiveError(f"ZMQ interrupted or corrupted message: {error}", addr=addr) from error
    if not isinstance(message.type, str):
        raise RPCReceiveError(f"ZMQ interrupted or corrupted message: its type is {message.type!r}",
                              addr=addr)
    return message


def _endpoint(host, port):
    """tcp://HOST:PORT; an IPv6 address is put into brackets."""
    return f"tcp://[{host}]:{port}" if ":" in host and host[0] != "[" else f"tcp://{host}:{port}"


class Server:
    """A master's end. `port` is the one that was picked when 0 was asked for."""

    def __init__(self, host, port):
        try:
            self.socket = _katydid.Server(_endpoint(host, port))
        except OSError as error:
            text = str(error)
            if "already in use" in text:
                text = "Address already in use"
            raise RPCError(f"Socket bind failure: {text}") from None
        self.port = int(self.socket.endpoint.rpartition(":")[2])

    def recv_from_client(self):
        """(node id, message); waits for it."""
        try:
            addr, payload = self.socket.recv()
        except OSError as error:
            raise RPCError(f"ZMQ network broken: {error}") from error
        return addr, _unserialize(payload, addr)

    def send_to_client(self, msg):
        """A node that is not there does not get it; nobody hears of that."""
        payload = msg.serialize()
        try:
            self._send(msg.node_id, payload)
        except ConnectionError:
            pass
        except OSError as error:
            raise RPCSendError(f"ZMQ sent failure: {error}") from error

    @retry(exception=BlockingIOError)
    def _send(self, node_id, payload):
        self.socket.send(node_id, payload)

    def close(self, linger=None):
        self.socket.close(linger or 0)


class Client:
    """A worker's end."""

    def __init__(self, host, port, identity):
        try:
            self.socket = _katydid.Link(_endpoint(host, port), identity)
        except OSError as error:
            raise RPCError(str(error)) from None

    def send(self, msg):
        payload = msg.serialize()
        try:
            self._send(payload)
        except OSError as error:
            raise RPCSendError(f"ZMQ sent failure: {error}") from error

    @retry(exception=BlockingIOError)
    def _send(self, payload):
        self.socket.send(payload)

    def recv(self):
        try:
            payload = self.socket.recv()
        except OSError as error:
            raise RPCError(f"ZMQ network broken: {error}") from error
        return _unserialize(payload)

    def close(self, linger=None):
        self.socket.close(linger or 0)
