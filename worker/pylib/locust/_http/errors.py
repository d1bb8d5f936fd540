# SPDX-License-Identifier: MIT
"""Failed exchanges as the exceptions of requests, with the chain of causes that urllib3 and the
socket module give them. The statistics name the innermost cause, as Locust does.
"""

import errno
import http.client
import os
import socket
import ssl
import zlib
from urllib.parse import urlsplit

import requests.exceptions as rex
import urllib3.exceptions as uex

from .unix import is_unix, socket_path

NEW_CONNECTION = "Failed to establish a new connection: "
UNWRAPPED = (rex.ConnectionError, uex.ProtocolError, uex.MaxRetryError, uex.NewConnectionError)


class Peer:
    """Stands for the urllib3 connection or pool that an error text names."""

    def __init__(self, kind, url):
        parts = urlsplit(url)
        if is_unix(url):
            self.host = socket_path(url)
            self.text = f"Unix{kind}(path={self.host!r})"
            return
        prefix = "HTTPS" if parts.scheme == "https" else "HTTP"
        default = 443 if parts.scheme == "https" else 80
        self.host = parts.hostname
        self.text = f"{prefix}{kind}(host={self.host!r}, port={parts.port or default})"

    def __repr__(self):
        return self.text


def _caused(error, cause):
    error.__context__ = cause
    return error


def _os_error(number):
    return OSError(number, os.strerror(number))


def connect_error(url, number):
    """Of a Unix socket it says which."""
    if number == errno.EPFNOSUPPORT:  # of worker/proto/dial.c
        return OSError(number, "None of --source-addresses is of the target's kind (IPv4, IPv6)")
    return OSError(number, f"{os.strerror(number)}: {socket_path(url)}") if is_unix(url) else _os_error(number)


def _timeouts(response):
    timeout = response._timeout
    return timeout if isinstance(timeout, tuple) else (timeout, timeout)


def _new_connection(url, cause, text=None):
    text = NEW_CONNECTION + (text or f"[Errno {cause.errno}] {cause.strerror}")
    return _caused(uex.NewConnectionError(Peer("Connection", url), text), cause)


def _retried(kind, request, reason):
    parts = urlsplit(request.url)
    target = parts.path + ("?" + parts.query if parts.query else "")
    error = uex.MaxRetryError(Peer("ConnectionPool", request.url), target, reason)
    return _caused(kind(_caused(error, reason), request=request), error)


def _connect_timeout(response, request):
    limit = _timeouts(response)[0]
    peer = Peer("Connection", request.url)
    text = f"Connection to {peer.host} timed out. (connect timeout={limit})"
    cause = _caused(uex.ConnectTimeoutError(peer, text), socket.timeout("timed out"))
    return _retried(rex.ConnectTimeout, request, cause)


def _read_timeout(response, request, has_head):
    pool = Peer("ConnectionPool", request.url)
    late = socket.timeout("timed out")
    if has_head:
        cause = _caused(uex.ReadTimeoutError(pool, None, "Read timed out."), late)
        return _caused(rex.ConnectionError(cause), cause)
    limit = _timeouts(response)[1]
    text = f"Read timed out. (read timeout={limit})"
    cause = _caused(uex.ReadTimeoutError(pool, request.url, text), late)
    return _caused(rex.ReadTimeout(cause, request=request), cause)


def _aborted(request, cause):
    error = _caused(uex.ProtocolError("Connection aborted.", cause), cause)
    return _caused(rex.ConnectionError(error, request=request), error)


def _broken(cause):
    error = _caused(uex.ProtocolError(f"Connection broken: {cause!r}", cause), cause)
    return _caused(rex.ChunkedEncodingError(error), error)


def _tls(request, cause):
    return _retried(rex.SSLError, request, _caused(uex.SSLError(cause), cause))


def verification_error(text):
    return ssl.SSLCertVerificationError(
        1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {text} (_ssl.c:992)"
    )


def verification_text(text, host):
    """OpenSSL's words, with what Python adds when the name is the problem."""
    if "mismatch" not in text.lower():
        return text
    return f"{text[:1].upper()}{text[1:]}, certificate is not valid for '{host}'."


def tls_error(text):
    return ssl.SSLError(1, f"[SSL: {text.upper().replace(' ', '_')}] {text} (_ssl.c:992)")


def gai_error(code):
    texts = {
        socket.EAI_NONAME: "Name or service not known",
        socket.EAI_AGAIN: "Temporary failure in name resolution",
        socket.EAI_FAIL: "Non-recoverable failure in name resolution",
        socket.EAI_NODATA: "No address associated with hostname",
    }
    return socket.gaierror(code, texts.get(code, "Name or service not known"))


def _proxy(request, status, text):
    cause = OSError(f"Tunnel connection failed: {status} {text}" if status else text)
    error = _retried(rex.ProxyError, request, uex.ProxyError("Cannot connect to proxy.", cause))
    error.__context__.__context__ = cause
    return error


def _resolve(request, code):
    cause = gai_error(code)
    return _retried(
        rex.ConnectionError, request, _new_connection(request.url, cause, f"[Errno {code}] {cause.strerror}")
    )


def _decode(response):
    encoding = response._header("content-encoding")
    cause = uex.DecodeError(
        f"Received response with content-encoding: {encoding}, but failed to decode it.",
        zlib.error("Error -3 while decompressing data: incorrect header check"),
    )
    return _caused(rex.ContentDecodingError(cause), cause)


def incomplete(response):
    """What http.client says of a body that ended early."""
    announced = response._header("content-length")
    received = response._received
    if announced and announced.isdigit():
        return http.client.IncompleteRead(b"x" * min(received, 1 << 20), int(announced) - received)
    return None


def _incomplete(response):
    cause = incomplete(response)
    if cause:
        return _broken(cause)
    error = uex.ProtocolError("Response ended prematurely")
    return _caused(rex.ChunkedEncodingError(error), error)


def error(response, kind, number, text, has_head):
    """The requests exception for a failed exchange."""
    request = response.request
    if kind in ("CONNECT", "NO_FILES"):
        cause = connect_error(request.url, number)
        return _retried(rex.ConnectionError, request, _new_connection(request.url, cause))
    if kind == "RESOLVE":
        return _resolve(request, number)
    if kind == "CONNECT_TIMEOUT":
        return _connect_timeout(response, request)
    if kind in ("READ_TIMEOUT", "TOTAL_TIMEOUT"):
        return _read_timeout(response, request, has_head)
    if kind == "TLS_VERIFY":
        host = urlsplit(request.url).hostname
        return _tls(request, verification_error(verification_text(text, host)))
    if kind == "TLS":
        return _tls(request, tls_error(text))
    if kind == "PROXY":
        return _proxy(request, number, text)
    if kind in ("RESET", "WRITE"):
        cause = _os_error(number)
        return _broken(cause) if has_head else _aborted(request, cause)
    if kind == "CLOSED":
        text = "Remote end closed connection without response"
        return _aborted(request, http.client.RemoteDisconnected(text))
    if kind == "INCOMPLETE":
        return _incomplete(response)
    if kind == "DECODE":
        return _decode(response)
    if kind == "BODY_TOO_LARGE":
        return _broken(http.client.HTTPException(text))
    if kind == "PROTOCOL" and text.startswith("several Content-Length"):
        return _caused(rex.InvalidHeader(text, request=request), uex.InvalidHeader(text))
    cause = http.client.BadStatusLine(text) if kind == "PROTOCOL" else http.client.HTTPException(text)
    return _broken(cause) if has_head else _aborted(request, cause)


def root_error(exception):
    """The exception that Locust reports: connection errors give way to what caused them."""
    while isinstance(exception, UNWRAPPED) and exception.__context__:
        exception = exception.__context__
    return exception
