# SPDX-License-Identifier: MIT
"""Requests of a FastHttpSession as geventhttpclient writes them: targets, bodies, heads, redirects."""

import functools
import os
import stat
import re
from urllib.parse import ParseResult, urlparse

from requests.utils import guess_filename, requote_uri, to_key_val_list

from .fast_parts import Headers
from .plain import complete_url, host_of
from .unix import SCHEME

BLOCK_SIZE = 4096
URLS_KEPT = 512  # that were put into the form in which they are sent
CLIENT_SETS = ("POST", "PUT", "PATCH")  # a length of zero, too
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


# ---- where to ------------------------------------------------------------------------------------


def request_target(parts):
    """What stands in the request line."""
    path = f"{parts.path};{parts.params}" if parts.params else parts.path
    target = requote_uri(f"{path}?{parts.query}" if parts.query else path)
    if target.startswith("//"):
        raise ValueError(f"invalid request URI {target!r}: two slashes would begin another host")
    return target if target.startswith("/") else f"/{target}"


def split_fast_url(parts):
    """(scheme://host:port, target) of a parsed URL; ValueError where its port is none."""
    if parts.scheme == SCHEME:
        return f"{parts.scheme}://{parts.netloc}", request_target(parts)
    host, port = parts.hostname or "", parts.port
    host = f"[{host}]" if ":" in host else host
    netloc = host if port is None else f"{host}:{port}"
    return f"{parts.scheme}://{netloc}", request_target(parts)


@functools.lru_cache(maxsize=URLS_KEPT)
def fast_url(base_url, url):
    """base_url + url in the form that is sent; None when that is for the plain road to say."""
    try:
        parts = urlparse(complete_url(base_url, url))
        root, target = split_fast_url(parts)
    except ValueError:
        return None
    return root + target if parts.hostname and parts.username is None else None


def _without_dots(path):
    """RFC 3986 5.2.4"""
    kept, segments = [], path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    ends_open = segments[-1] in (".", "..") and kept
    return "/".join([segments[0], *kept, *([""] if ends_open else [])]) if segments[1:] else path


def redirected(base, location):
    """The parsed URL that a Location leads to from a parsed URL."""
    other = urlparse(location)
    if other.scheme or other.netloc:
        parts = other._replace(scheme=other.scheme or base.scheme)
    elif not other.path and not other.params:
        parts = base._replace(query=other.query or base.query, fragment=other.fragment)
    else:
        path = other.path
        if not path.startswith("/"):
            path = base.path[: base.path.rfind("/") + 1] + path if base.path else f"/{path}"
        parts = ParseResult(base.scheme, base.netloc, path, *other[3:])
    path = _without_dots(parts.path)
    return parts._replace(path="/" if parts.path.startswith("/") and not path else path)


# ---- what ----------------------------------------------------------------------------------------


def _length(body):
    """Of a body that says how long it is, or of the file behind it; None when nobody knows."""
    try:
        return len(body)
    except TypeError:
        pass
    try:
        return os.fstat(body.fileno()).st_size
    except (AttributeError, OSError):
        return None


def _blocks(body):
    if isinstance(body, bytes):
        return (body[at : at + BLOCK_SIZE] for at in range(0, len(body), BLOCK_SIZE))
    if hasattr(body, "read"):
        return iter(lambda: body.read(BLOCK_SIZE), type(body.read(0))())
    return iter(body)


def _place(body):
    """Where a file stands; None for what cannot go back there."""
    try:
        return body.tell() if body.seekable() else None
    except (AttributeError, OSError):
        return None


KEPT_MAX = 1 << 20  # bytes of a body that can be read only once, for a redirect that wants it again


class Pieces:
    """A body that is read while it is sent: in chunks, or as many bytes as are announced."""

    def __init__(self, body, length=None):
        self.body, self.length = body, length
        self._start = _place(body)
        self._kept, self._kept_bytes = None, 0
        if body and not hasattr(body, "read"):
            iter(body)  # what is no body is refused before anything is sent

    def __iter__(self):
        if self._start is not None:
            self.body.seek(self._start)
        elif self._kept is not None:
            return self._again()
        self._kept = []
        return self._read()

    def _read(self):
        left = self.length
        for block in _blocks(self.body) if self.body else ():
            if isinstance(block, str):
                block = block.encode()
            elif not isinstance(block, (bytes, bytearray, memoryview)):
                raise TypeError(f"parts of a body must be bytes or str, not {type(block).__name__}")
            block = bytes(block) if left is None else bytes(block[:left])
            if left is not None:
                left -= len(block)
            self._keep(block)
            yield block

    def _keep(self, block):
        self._kept_bytes += len(block)
        if self._start is None and self._kept_bytes <= KEPT_MAX:
            self._kept.append(block)
        else:
            self._kept = []

    def _again(self):
        if self._kept_bytes > KEPT_MAX:
            raise ValueError("a redirect wants a body again that can be read only once")
        return iter(self._kept)


def _file_left(body):
    """How many bytes of a file of bytes are left to read; None where that cannot be said."""
    try:
        status = os.fstat(body.fileno())
        at = body.tell()
    except (AttributeError, OSError):
        return None
    is_plain = stat.S_ISREG(status.st_mode) and isinstance(body.read(0), bytes)
    return max(status.st_size - at, 0) if is_plain else None


def _is_chunked(headers):
    return any(
        name.lower() == "transfer-encoding" and "chunked" in str(value).lower()
        for name, value in headers.items()
    )


def _as_bytes(body):
    """The bytes of whatever is made of bytes."""
    if isinstance(body, str):
        return body.encode()
    try:
        return memoryview(body).tobytes()
    except TypeError:
        return None


def encode_body(body, headers):
    """(bytes, Pieces or None; whether the client chose chunks): what a body of any kind is sent as."""
    whole = b"" if body is None else _as_bytes(body)
    if _is_chunked(headers):
        headers.discard("Content-Length")
        return Pieces(body if whole is None else whole), False
    if whole is not None:
        return whole or None, False
    if _length(body) is None:
        headers.discard("Content-Length")
        return Pieces(body), True
    if not body:
        return None, False
    if not hasattr(body, "read"):
        raise AttributeError(f"{type(body).__name__!r} object has no attribute 'read'")
    if (left := _file_left(body)) and _place(body) is not None:
        return Pieces(body, left), False
    data = body.read()
    return data.encode() if isinstance(data, str) else data, False


def sent_by_user(headers, root):
    """(headers, whether chunked) without the lines that the client added: Host and what follows."""
    own, host = Headers(), ("Host", host_of(root))
    fields = list(headers.items())
    added = fields[fields.index(host) :] if host in fields else []
    for name, value in fields[: len(fields) - len(added)]:
        own.add(name, value)
    return own, ("Transfer-Encoding", "chunked") in added


# ---- files ---------------------------------------------------------------------------------------


def _quoted(name):
    name = name.decode() if isinstance(name, bytes) else str(name)
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _part(name, contents, filename=None, content_type=None, headers=()):
    """One part of a form without its boundary."""
    contents = contents.encode() if isinstance(contents, str) else contents
    line = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        line += f'; filename="{_quoted(filename)}"'
    lines = [line]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{key}: {value}" for key, value in to_key_val_list(headers or ())]
    return "\r\n".join([*lines, "", ""]).encode() + bytes(contents)


def _field_parts(data):
    for name, values in to_key_val_list(data or {}):
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            values = [values]
        for value in values:
            if value is not None:
                yield _part(name, value if isinstance(value, bytes) else str(value))


def _file_part(name, file):
    """(name, contents, file name, type, headers): of a file, or of a tuple that says more of it."""
    if not isinstance(file, (tuple, list)):
        return name, file, guess_filename(file) or name, None, None
    if not 2 <= len(file) <= 5:
        raise ValueError(f"a file is given by 2 to 5 values, not {len(file)}")
    filename, contents, content_type, headers, _ = (*file, None, None, None)[:5]
    return name, contents, filename, content_type, headers


def encode_files(files, data):
    """(body, its type) of a form with files; the boundary is random, or the fifth value of a file."""
    if isinstance(data, (str, bytes)):
        raise ValueError("Data must not be a string.")
    items = to_key_val_list(files)
    own = [file[4] for _, file in items if isinstance(file, (tuple, list)) and len(file) >= 5]
    boundary = own[0] if own else os.urandom(16).hex()
    mark = b"--" + boundary.encode("ascii")
    parts = list(_field_parts(data))
    for name, contents, *more in (_file_part(name, file) for name, file in items):
        if contents is not None:
            parts.append(_part(name, contents.read() if hasattr(contents, "read") else contents, *more))
    body = b"".join(b"%b\r\n%b\r\n" % (mark, part) for part in parts) + b"%b--\r\n" % mark
    return body, f"multipart/form-data; boundary={boundary}"


# ---- the headers ---------------------------------------------------------------------------------


def fast_fields(method, root, headers, length, is_chunked=False):
    """The headers as they are sent. ValueError for what would not be one."""
    if not isinstance(method, str) or not TOKEN.fullmatch(method):
        raise ValueError(f"invalid HTTP method {method!r}")
    fields = Headers(headers.items())
    if "Host" not in fields:
        fields["Host"] = host_of(root)
    if is_chunked:
        fields["Transfer-Encoding"] = "chunked"
    if "Content-Length" not in fields and not _is_chunked(fields):
        if length or method in CLIENT_SETS:
            fields["Content-Length"] = str(length)
    pairs = []
    for name, value in fields.items():
        if not isinstance(name, str) or not TOKEN.fullmatch(name):
            raise ValueError(f"invalid header field name {name!r}")
        if isinstance(value, str) and not VALUE.fullmatch(value):
            raise ValueError(f"invalid value for header field {name!r}: {value!r}")
        pairs.append((name.encode(), f"{value}".encode("latin-1")))
    return pairs
