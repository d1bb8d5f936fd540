# SPDX-License-Identifier: MIT
"""Names of WebSocket clients: exceptions, codes, frames. They are those of the package websocket-client, so that
scripts that were written for it find what they look for."""

import sys


class WebSocketException(Exception):
    """Whatever goes wrong with a WebSocket."""


class WebSocketProtocolException(WebSocketException):
    """The server broke the rules of the protocol, or a limit."""


class WebSocketPayloadException(WebSocketException):
    """A message is not what it says: text that is no UTF-8, or that cannot be decompressed."""


class WebSocketConnectionClosedException(WebSocketException):
    """The connection has ended, by a close frame (`code`, `reason`) or without one."""

    code = None
    reason = ""


class WebSocketTimeoutException(WebSocketException):
    """Nothing came in time, or could be sent."""


class WebSocketProxyException(WebSocketException):
    """The proxy refused."""


class WebSocketAddressException(WebSocketException):
    """The server's name is not known."""


class WebSocketBadStatusException(WebSocketException):
    """The server answered the handshake with another status than 101."""

    def __init__(self, message, status_code, status_message=None, resp_headers=None, resp_body=None):
        super().__init__(message)
        self.status_code = status_code
        self.status_message = status_message
        self.resp_headers = resp_headers
        self.resp_body = resp_body


STATUS_NORMAL = 1000
STATUS_GOING_AWAY = 1001
STATUS_PROTOCOL_ERROR = 1002
STATUS_UNSUPPORTED_DATA_TYPE = 1003
STATUS_STATUS_NOT_AVAILABLE = 1005
STATUS_ABNORMAL_CLOSED = 1006
STATUS_INVALID_PAYLOAD = 1007
STATUS_POLICY_VIOLATION = 1008
STATUS_MESSAGE_TOO_BIG = 1009
STATUS_INVALID_EXTENSION = 1010
STATUS_UNEXPECTED_CONDITION = 1011
STATUS_SERVICE_RESTART = 1012
STATUS_TRY_AGAIN_LATER = 1013
STATUS_BAD_GATEWAY = 1014
STATUS_TLS_HANDSHAKE_ERROR = 1015


class ABNF:
    """A frame: what recv_frame() and recv_data_frame() give, and send_frame() takes."""

    OPCODE_CONT, OPCODE_TEXT, OPCODE_BINARY = 0, 1, 2
    OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG = 8, 9, 10
    OPCODES = (0, 1, 2, 8, 9, 10)
    OPCODE_MAP = {0: "cont", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}

    def __init__(self, fin=0, rsv1=0, rsv2=0, rsv3=0, opcode=OPCODE_TEXT, mask_value=1, data=b""):
        self.fin, self.rsv1, self.rsv2, self.rsv3 = fin, rsv1, rsv2, rsv3
        self.opcode, self.mask_value, self.data = opcode, mask_value, data

    def __str__(self):
        return f"fin={self.fin} opcode={self.opcode} data={self.data}"

    @staticmethod
    def create_frame(data, opcode, fin=1):
        if opcode == ABNF.OPCODE_TEXT and isinstance(data, str):
            data = data.encode("utf-8")
        return ABNF(fin, 0, 0, 0, opcode, 1, data)


def check_match(match):
    """A thing that cannot be called would be true of no message, and the request would wait for ever."""
    if match is not None and not callable(match):
        raise TypeError(f"match is a function of a message, not {match!r}")


def check_subprotocols(subprotocols):
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols is a list, not {subprotocols!r}: [{subprotocols!r}]")


def check_seconds(**given):
    for name, value in given.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{name} is a number of seconds, not {value!r}")
        if not value >= 0:
            raise ValueError(f"{name} is a number of seconds, from 0 up, not {value!r}")


def check_numbers(least, **given):
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} is a whole number, not {value!r}")
        if not least <= value <= sys.maxsize // 4:
            raise ValueError(f"{name} is a whole number, from {least} up, not {value!r}")


EXCEPTIONS = [name for name in dir() if name.endswith("Exception") and name.startswith("WebSocket")]
STATUSES = [name for name in dir() if name.startswith("STATUS_")]
