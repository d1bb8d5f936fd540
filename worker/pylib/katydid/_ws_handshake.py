# SPDX-License-Identifier: MIT
"""The handshake of a WebSocket, through the HTTP/1.1 engine: so TLS, proxies, time limits, phases and bytes are those of
any request. The answer 101 leaves its connection to the socket."""

import base64
import hashlib
import os
import socket
import ssl
from http.client import HTTPException
from urllib.parse import urljoin, urlsplit

import _katydid
from locust._http.errors import root_error
from locust._http.fast_parts import FAILURE_EXCEPTIONS
from locust._http.plain import host_of, split_url
from requests.exceptions import ConnectTimeout, ProxyError, ReadTimeout, RequestException
from requests.structures import CaseInsensitiveDict

from ._ws_names import (
    WebSocketAddressException,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketProxyException,
    WebSocketTimeoutException,
)

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OFFER = "permessage-deflate; client_no_context_takeover; client_max_window_bits"
REDIRECTS = (301, 302, 303, 307, 308)
BODY_SHOWN = 200  # characters of what came instead of a WebSocket


def http_form(url):
    """The URL of the same place with the scheme that the engine knows."""
    scheme, colon, rest = url.partition(":")
    known = {"ws": "http", "wss": "https", "http": "http", "https": "https"}.get(scheme.lower())
    if not colon or not rest.startswith("//"):
        raise ValueError(f"url is invalid: {url!r}")
    if known is None:
        raise ValueError(f"scheme {scheme} is invalid")
    return f"{known}:{rest}"


def ws_form(url):
    return "ws" + url[4:]


def new_key():
    return base64.b64encode(os.urandom(16)).decode()


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class Agreed:
    """What came of a handshake. Headers as text: few ask for them, and every socket has them."""

    __slots__ = ("status", "subprotocol", "deflate", "_lines")

    def __init__(self, status, fields, subprotocol, deflate):
        self.status, self.subprotocol, self.deflate = status, subprotocol, deflate
        self._lines = "\n".join(f"{name}\n{value}" for name, value in fields)

    @property
    def headers(self):
        headers, lines = CaseInsensitiveDict(), self._lines.split("\n")
        for name, value in zip(lines[::2], lines[1::2]):
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers


# ---- the answer ----------------------------------------------------------------------------------


def _tokens(value):
    return [token.strip().lower() for token in (value or "").split(",")]


def _bits(name, value):
    if not (value or "").isdecimal() or len(value) > 2 or not 8 <= int(value) <= 15 or value.startswith("0"):
        raise WebSocketException(f"Invalid WebSocket Header: {name}={value}")
    return int(value)


def _deflate(said, is_offered):
    """(own window bits, the server's, whether the server forgets) or None."""
    if not said:
        return None
    name, *parameters = [part.strip() for part in said.split(";")]
    if not is_offered or "," in said or name.lower() != "permessage-deflate":
        raise WebSocketException(f"Invalid WebSocket Header: extension {said!r} was not offered")
    own, server, forgets, seen = 15, 15, False, set()
    for parameter in parameters:
        key, equals, value = (part.strip() for part in parameter.partition("="))
        value = value.strip('"')
        if key in seen:
            raise WebSocketException(f"Invalid WebSocket Header: {key} twice")
        seen.add(key)
        if key == "client_max_window_bits":
            own = _bits(key, value)
        elif key == "server_max_window_bits":
            server = _bits(key, value)
        elif key == "server_no_context_takeover" and not equals:
            forgets = True
        elif key != "client_no_context_takeover" or equals:
            raise WebSocketException(f"Invalid WebSocket Header: {parameter}")
    return own, server, forgets


def check(response, key, subprotocols, is_deflate_offered):
    """What was agreed on; raises what is wrong with the answer."""
    headers = response.headers
    if response.status_code != 101:
        body = response.content
        shown = (body or b"")[:BODY_SHOWN].decode("utf-8", "replace")
        raise WebSocketBadStatusException(
            f"Handshake status {response.status_code} {response.reason}{f': {shown}' if shown else ''}",
            response.status_code, response.reason, headers, body)
    if "websocket" not in _tokens(headers.get("upgrade")) or "upgrade" not in _tokens(headers.get("connection")):
        raise WebSocketException("Invalid WebSocket Header: no Upgrade to websocket")
    if headers.get("sec-websocket-accept", "").strip() != accept_of(key):
        raise WebSocketException("Invalid WebSocket Header: Sec-WebSocket-Accept is not that of our key")
    subprotocol = headers.get("sec-websocket-protocol")
    if subprotocol is not None and subprotocol not in (subprotocols or ()):
        raise WebSocketException(f"Invalid WebSocket Header: subprotocol {subprotocol!r} was not offered")
    deflate = _deflate(headers.get("sec-websocket-extensions"), is_deflate_offered)
    return Agreed(response.status_code, response._header_list(), subprotocol, deflate)


# ---- the request ---------------------------------------------------------------------------------


def headers_for(key, subprotocols, is_deflate_offered, origin=None):
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key,
               "Sec-WebSocket-Version": "13"}
    if origin:
        headers["Origin"] = origin
    if subprotocols:
        headers["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
    if is_deflate_offered:
        headers["Sec-WebSocket-Extensions"] = OFFER
    return headers


def said_by_hand(headers, key):
    """The key and subprotocols that a caller's headers have, else what would be sent."""
    own = CaseInsensitiveDict(headers or {})
    offered = own.get("Sec-WebSocket-Protocol")
    return own.get("Sec-WebSocket-Key", key), [part.strip() for part in offered.split(",")] if offered else None


def next_url(response, url):
    """Where a redirect leads, or None. From TLS it leads to TLS."""
    location = response._header("location")
    if response.status_code not in REDIRECTS or not location:
        return None
    try:
        target = urljoin(url, location)
        scheme = target.partition(":")[0].lower()
        target = http_form(target) if scheme in ("ws", "wss") else target
    except ValueError:
        raise WebSocketException(f"Invalid redirect target {location!r}") from None
    if scheme not in ("http", "https", "ws", "wss"):
        raise WebSocketException(f"Invalid redirect target {target!r}")
    if url.startswith("https:") and not target.startswith("https:"):
        raise WebSocketException(f"redirect to {ws_form(target)!r}, which has no TLS, is not followed")
    return target


def send_fields(session, cls, url, fields, connect, read, verify, cert, proxy=None, account=None):
    """One request with these headers as they are."""
    root, target = split_url(url)
    own = [(name.encode("latin-1"), value.encode("utf-8" if name == "Cookie" else "latin-1")) for name, value in fields]
    for name, value in own:
        if b"\n" in name + value or b"\r" in name + value:
            raise WebSocketException(f"line end in header {name!r}")
    parts = session, cls, "GET", ws_form(root), target, own, None
    options = {"connect": connect or 0.0, "read": read or 0.0, "verify": verify, "cert": cert, "proxy": proxy,
               "timeout": (connect, read), "account": account}
    if account is None:
        response = _katydid.exchange(*parts, **options)
    else:
        response = account.wait(_katydid.exchange, *parts, **options)
    response.url = url
    return response


def host_header(url):
    return host_of(split_url(url)[0])


# ---- failures ------------------------------------------------------------------------------------


FAILURES = (OSError, HTTPException, WebSocketException, *FAILURE_EXCEPTIONS)


def failure_of(error):
    """What a script sees of a request that had no answer: by the names of websocket-client."""
    if isinstance(error, ValueError):  # a URL that is none
        raise error
    root = _of_tls(error) or (root_error(error) if isinstance(error, RequestException) else error)
    if isinstance(error, (ConnectTimeout, ReadTimeout)) or isinstance(root, TimeoutError):
        return _caused(WebSocketTimeoutException(str(root)), error)
    if isinstance(error, ProxyError):
        return _caused(WebSocketProxyException(str(root)), error)
    if isinstance(root, socket.gaierror):
        return _caused(WebSocketAddressException(*root.args), error)
    is_of_system = isinstance(root, OSError) and root.errno is not None
    if isinstance(root, (ssl.SSLError, WebSocketException)) or is_of_system:
        return root
    return _caused(WebSocketConnectionClosedException(str(root)), error)


def _of_tls(error):
    """The ssl.SSLError that an error of requests comes of, or None."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error


def _caused(error, cause):
    error.__cause__ = cause
    return error


def place_of(url):
    return urlsplit(url).netloc.rpartition("@")[2].lower()
