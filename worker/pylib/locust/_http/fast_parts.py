# SPDX-License-Identifier: MIT
"""What a FastHttpSession deals in: geventhttpclient's errors, headers, requests and responses."""

import json as jsonlib
import os
import socket
import zlib
from urllib.parse import urlsplit

import _katydid
from requests.utils import get_encoding_from_headers

from ..exception import LocustError
from . import errors


# ---- errors --------------------------------------------------------------------------------------


class ConnectionError(Exception):
    """geventhttpclient's: the URL, what went wrong, and keywords that its repr shows."""

    def __init__(self, url, *args, **kw):
        self.url = url
        self.__dict__.update(kw)
        self.text = str(args[0]) if len(args) == 1 else ""
        if len(args) > 1:
            self.text = f"{args[0]}: {args[1:]}"
        self.kw_text = ", ".join(f"{key}={value}" for key, value in kw.items())
        if self.kw_text:
            self.text += (", " if self.text else "") + self.kw_text

    def __str__(self):
        return f"URL {self.url}: {self.text}" if self.text else f"URL {self.url}"

    def __repr__(self):
        text = super().__repr__()
        return text.replace(")", f", {self.kw_text})") if self.kw_text else text


class RetriesExceeded(ConnectionError):
    pass


class BadStatusCode(ConnectionError):
    code = 0


class UnsupportedRedirectSchemeError(ConnectionError):
    pass


class HTTPParseError(Exception):
    pass


class HTTPConnectionClosed(HTTPParseError):
    pass


class LocustBadStatusCode(BadStatusCode):
    def __repr__(self):
        text = super().__repr__()
        return text.replace(repr(self.url) + ", ", "") if self.kw_text else text


FAILURE_EXCEPTIONS = (ConnectionError, OSError, HTTPParseError, zlib.error)


def fast_error(response, kind, number, text, has_head):
    """The exception that geventhttpclient raises for a failed exchange."""
    if type(response) is FastResponse:
        response.__class__ = ErrorResponse
    if kind == "CONNECT":
        return errors.connect_error(response.url, number)
    if kind in ("NO_FILES", "WRITE"):
        return OSError(number, os.strerror(number))
    if kind == "RESOLVE":
        return errors.gai_error(number)
    if kind in ("CONNECT_TIMEOUT", "READ_TIMEOUT", "TOTAL_TIMEOUT"):
        late = socket.timeout("timed out")
        return late if has_head else RetriesExceeded(response.url, 0, original=late)
    if kind == "TLS_VERIFY":
        host = urlsplit(response.url).hostname
        return errors.verification_error(errors.verification_text(text, host))
    if kind == "TLS":
        return errors.tls_error(text)
    if kind in ("CLOSED", "INCOMPLETE", "RESET"):
        return HTTPConnectionClosed("connection closed.")
    if kind in ("STREAM_RESET", "GOAWAY"):
        return HTTPConnectionClosed(text)
    if kind == "DECODE":
        return zlib.error("Error -3 while decompressing data: incorrect header check")
    if kind == "PROXY":
        return OSError(f"Proxy: tunnel connection failed: {number} {text}")
    return HTTPParseError(text)


def bad_status(response):
    error = LocustBadStatusCode(response.url, code=response.status_code)
    error.response = response
    return error


# ---- headers -------------------------------------------------------------------------------------


class Headers(dict):
    """Header fields by lower-case name; a repeated one has a list of values."""

    def __init__(self, fields=()):
        super().__init__()
        for name, value in fields.items() if hasattr(fields, "items") else fields:
            self.add(name, value)

    def add(self, name, value):
        values = value if isinstance(value, (list, tuple)) else [value]
        entry = dict.setdefault(self, name.lower(), [])
        entry.extend((name, item) for item in values)

    def __setitem__(self, name, value):
        values = value if isinstance(value, (list, tuple)) else [value]
        super().__setitem__(name.lower(), [(name, item) for item in values])

    def __getitem__(self, name):
        entry = super().__getitem__(name.lower())
        return entry[0][1] if len(entry) == 1 else [value for _, value in entry]

    def __delitem__(self, name):
        super().__delitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        return self[name] if name in self else default

    def getlist(self, name):
        return [value for _, value in super().get(name.lower(), ())]

    get_all = getheaders = getlist

    def discard(self, name):
        super().pop(name.lower(), None)

    def pop(self, name, *default):
        if name not in self and default:
            return default[0]
        value = self[name]
        del self[name]
        return value

    def setdefault(self, name, default=""):
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, *args, **kwargs):
        for fields in (*args, kwargs):
            for name, value in fields.items() if hasattr(fields, "items") else fields:
                self[name] = value

    def items(self):
        return [pair for entry in super().values() for pair in entry]

    def values(self):
        return [self[name] for name in self]

    def by_spelling(self):
        """A plain dict: as its names were written last, with a list for one of several lines."""
        return {entry[0][0]: self[name] for name, entry in super().items()}

    def copy(self):
        return type(self)(self.items())

    def __eq__(self, other):
        return {name: self[name] for name in self} == {
            name: value for name, value in Headers(other).items()
        }

    __hash__ = None

    def __repr__(self):
        return f"Headers({dict(self.items())!r})"


def make_fast_headers(response):
    return None if response._failure() else Headers(response._header_list())


# ---- requests and responses ----------------------------------------------------------------------


class FastRequest:
    """What was sent: url, method, headers, payload."""

    payload = None

    def __init__(self, url, method="GET", headers=None, payload=None):
        self.url = url
        self.method = method
        self.headers = headers
        self.payload = payload

    @property
    def body(self):
        return self.payload

    @property
    def full_url(self):
        return self.url


class FastResponse(_katydid.Response):
    @property
    def status(self):
        return str(self.status_code)

    def info(self):
        return self.headers

    def read(self, size=None):
        """Bytes of the body; of a streamed one, as they arrive."""
        if not self._is_stream:
            return self.content if size is None else self.content[:size]
        if size is not None:
            return self._read(size)
        return b"".join(iter(lambda: self._read(65536), b""))

    @property
    def stream(self):
        """What a body that was asked for with stream=True is read from."""
        return self

    @property
    def data(self):
        return self.content

    def readline(self, sep=b"\r\n"):
        """The bytes up to and with sep; of a body that ends before, none, as geventhttpclient."""
        line = bytearray()
        while not line.endswith(sep):
            byte = self._read(1) if self._is_stream else b""
            if not byte:
                return b""
            line += byte
        return bytes(line)

    def __iter__(self):
        return self._chunks(8192)

    def release(self):
        self._release()

    def iter_content(self, chunk_size=1024, decode_content=True):
        """The body in pieces: str where a piece is UTF-8 and decode_content is set."""
        if self._failure() is not None:
            raise LocustError("Cannot iterate content of a response that never came")
        for chunk in self._chunks(chunk_size):
            if decode_content:
                try:
                    chunk = chunk.decode("utf-8")
                except UnicodeDecodeError:
                    pass
            yield chunk

    def _chunks(self, size):
        if not self._is_stream:
            body = self.content or b""
            yield from (body[at : at + size] for at in range(0, len(body), size))
            return
        try:
            while chunk := self._read(size):
                yield chunk
        except (HTTPParseError, OSError, ConnectionError):
            return

    def _content(self):
        return self.content

    def __bool__(self):
        return True


class ErrorResponse(FastResponse):
    """Stands for a response that never came."""


class ResponseContextManager(FastResponse):
    """A response whose outcome the with block decides: success(), failure()."""


class RestResponseContextManager(ResponseContextManager):
    """What rest() yields."""

    js: object  # the answer's JSON; None if it has none


_TYPES_OF_TEXT = (
    "text/plain; charset=utf-8",
    "application/x-www-form-urlencoded; charset=utf-8",
)


def make_fast_request(response):
    method, fields = response._asked
    headers, body = Headers(fields), response._sent_body
    if isinstance(body, bytes) and headers.get("Content-Type") == "application/json":
        body = body.decode("utf-8", "surrogateescape")  # as a json= is to be read
    elif isinstance(body, str) and headers.get("Content-Type") in _TYPES_OF_TEXT:
        body = body.encode()  # a text whose type the client chose is kept as what was sent
    return FastRequest(response.url, method, headers, getattr(body, "body", body))


# Past FastResponse._content(), a method that geventhttpclient's response has under this name.
keep_content = _katydid.Response._content.__set__


def fast_plain_content(response):
    if response._failure() is not None:
        return None
    content = response.read()
    keep_content(response, content)
    return content


def _guess_encoding(content):
    try:
        from charset_normalizer import detect
    except ImportError:  # requests works with either, and Ubuntu 24.04 brings the other
        from requests.compat import chardet

        detect = chardet.detect
    return detect(content)["encoding"]


def fast_plain_text(response):
    content = response.content
    if content is None:
        return None
    if not response.encoding:
        response.encoding = None
        if response.headers is not None:
            response.encoding = get_encoding_from_headers(response.headers)
    if not response.encoding:
        response.encoding = _guess_encoding(content)
    return None if response.encoding is None else str(content, response.encoding, errors="replace")


def fast_plain_json(response):
    return jsonlib.loads(response.text)
