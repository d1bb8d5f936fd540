# SPDX-License-Identifier: MIT
"""The plain road: a request that the C core does not do by itself goes through requests.

requests prepares it, follows its redirects, calls its hooks and auth objects; only the sending is
ours: LocustHttpAdapter hands each prepared request to the C core, on the session's own connections.
What the core cannot send either (SOCKS, TLS to a proxy) and what goes to an
adapter that the user mounted is sent by urllib3.
"""

import io
import re
from time import perf_counter
from urllib.parse import urljoin, urlsplit

import _katydid
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import _basic_auth_str
from requests.cookies import RequestsCookieJar, extract_cookies_to_jar
from requests.exceptions import (
    InvalidHeader,
    InvalidSchema,
    InvalidURL,
    MissingSchema,
    RequestException,
    TooManyRedirects,
)
from requests.hooks import default_hooks
from requests.models import PreparedRequest
from requests.structures import CaseInsensitiveDict
from requests.utils import (
    get_auth_from_url,
    get_encoding_from_headers,
    prepend_scheme_if_needed,
    requote_uri,
    select_proxy,
)
from urllib3.util import Timeout

from .account import Account, current, take_stream_kind, took_ms
from .response import ResponseContextManager
from .unix import HOST, is_unix, same_socket, wrong_path

try:
    from urllib3 import HTTPHeaderDict
except ImportError:  # urllib3 1.26
    from urllib3._collections import HTTPHeaderDict


# ---- requests on the wire ------------------------------------------------------------------------


def split_url(url):
    """(scheme://host:port, path?query) as the C core wants them."""
    parts = urlsplit(url)
    if is_unix(url):
        return f"{parts.scheme}://{parts.netloc}", (parts.path or "/") + ("?" + parts.query if parts.query else "")
    netloc = parts.netloc.rpartition("@")[2]
    host, colon, port = netloc.rpartition(":")
    netloc = f"{host.lower()}:{port}" if colon and port.isdigit() else netloc.lower().rstrip(":")
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    return f"{parts.scheme.lower()}://{netloc}", target


def port_of(url):
    """The port or None; ValueError where it is none: http://host:80foo lacks the path's slash."""
    return urlsplit(url).port


ABSOLUTE = re.compile(r"^http(s|\+unix)?://", re.IGNORECASE)
BARE_SLASH = re.compile(r"http(s|\+unix)?://[^/?#]+/", re.IGNORECASE)  # a host that ends with its slash


def complete_url(base_url, url):
    """base_url + url, unless that is complete. The slash of a bare host is not said twice."""
    if ABSOLUTE.match(url):
        return url
    if url.startswith("/") and base_url and BARE_SLASH.fullmatch(base_url):
        return base_url + url[1:]
    return f"{base_url}{url}"


def host_of(root):
    """What the Host header says of a root: a port that goes without saying is not said."""
    if is_unix(root):
        return HOST
    scheme, _, netloc = root.partition("://")
    host, colon, port = netloc.rpartition(":")
    usual = "443" if scheme == "https" else "80"
    return host if colon and port.lstrip("0") == usual and not netloc.endswith("]") else netloc


TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
NAME = re.compile(rb"[^:\s][^:\r\n]*")
LINE_END = re.compile(rb"\n(?![ \t])|\r(?![ \t\n])")
BARE_AGENT = f"python-urllib3/{urllib3.__version__}"  # of a request that names none


def _field(name, value):
    name = name if isinstance(name, bytes) else str(name).encode("ascii")
    value = value if isinstance(value, bytes) else str(value).encode("latin-1")
    if not NAME.fullmatch(name):
        raise ValueError(f"Invalid header name {name!r}")
    if LINE_END.search(value):
        raise ValueError(f"Invalid header value {value!r}")
    return name, value


def check_headers(headers):
    """Refuses a line end behind a value: older releases of requests take it for the end of a line."""
    for name, value in headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if name.endswith("\n" if isinstance(name, str) else b"\n"):
            raise InvalidHeader(f"line end in header name: {name!r}")
        if text.endswith("\n") and name != "Cookie":
            raise InvalidHeader(f"line end in header value: {value!r}")


def fields_of(method, target, root, headers):
    """The headers as they are sent. ValueError for what would not be one."""
    if not TOKEN.fullmatch(method):
        raise ValueError(f"Method cannot contain non-token characters {method!r}")
    target.encode("ascii")
    fields = []
    if "host" not in headers:
        fields.append((b"Host", host_of(root).encode("ascii")))
    if "accept-encoding" not in headers:
        fields.append((b"Accept-Encoding", b"identity"))
    if "user-agent" not in headers:
        fields.append((b"User-Agent", BARE_AGENT.encode()))
    return fields + [_field(name, value) for name, value in headers.items()]


def seen_headers(fields, root):
    """Fields without those that no user of requests sees."""
    headers = CaseInsensitiveDict()
    added = ("Host", host_of(root)), ("Accept-Encoding", "identity"), ("User-Agent", BARE_AGENT)
    for name, value in fields:
        if (name, value) not in added:
            headers[name] = value
    return headers


def make_request(response):
    """response.request: the PreparedRequest that requests would have made."""
    request = PreparedRequest()
    url = response.url
    root, _ = split_url(url)
    request.method, fields = response._asked
    request.headers = seen_headers(fields, root)
    request.url = url
    request.body = response._sent_body
    request.hooks = default_hooks()
    request._cookies = RequestsCookieJar()
    return request


# ---- responses -----------------------------------------------------------------------------------


class Body(io.IOBase):
    """The rest of a streamed response as a file; urllib3 decodes what it reads from it."""

    def __init__(self, response):
        self._response = response

    def readable(self):
        return True

    def read(self, size=None):
        """All that was asked for, as a file gives it; read1() gives what there is."""
        parts, left = [], size
        while data := self._chunk(65536 if size is None or size < 0 else left):
            parts.append(data)
            if size is not None and size >= 0:
                left -= len(data)
        return b"".join(parts)

    def read1(self, size=65536):
        return self._chunk(size)

    def readinto(self, buffer):
        data = self._chunk(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _chunk(self, size):
        if self.closed or not size:
            return b""
        try:
            return self._response._read(size)
        except RequestException as error:
            cause = error.args[0] if error.args else error
            raise cause if isinstance(cause, urllib3.exceptions.HTTPError) else error

    def close(self):
        if not self.closed:
            self._response._release()
        super().close()


class Raw(urllib3.HTTPResponse):
    """urllib3's response over a Body; chunked bodies are passed on as they arrive."""

    def stream(self, amt=65536, decode_content=None):
        if not self.chunked or not isinstance(self._fp, Body):
            yield from super().stream(amt, decode_content)
            return
        self._init_decoder()
        while data := self._fp.read1(amt or 65536):
            if data := self._decode(data, decode_content, False):
                yield data
        self._fp.close()
        if data := self._decode(b"", decode_content, True):
            yield data


class Original:
    """What requests looks for behind urllib3's response: the headers, line by line."""

    def __init__(self, fields):
        self._fields = fields
        self.msg = self

    def get_all(self, name, default=None):
        return [v for n, v in self._fields if n.lower() == name.lower()] or default

    def isclosed(self):
        return False

    def close(self):
        pass


def make_raw(response):
    fields = response._header_list()
    headers = HTTPHeaderDict()
    for name, value in fields:
        headers.add(name, value)
    return Raw(
        body=Body(response) if response._is_stream else io.BytesIO(b""),
        headers=headers,
        status=response.status_code,
        version=20 if response.http_version == "HTTP/2" else 11,
        reason=response.reason,
        preload_content=False,
        decode_content=False,
        original_response=Original(fields),
        request_method=response.request.method if response.request else None,
        enforce_content_length=False,
    )


def make_response_cookies(response):
    jar = RequestsCookieJar()
    if response._header("set-cookie") is not None:
        extract_cookies_to_jar(jar, response.request, response.raw)
    return jar


def make_encoding(response):
    return get_encoding_from_headers(response.headers)


def adopt(response, cls):
    """A response of an adapter that is not ours, as one of ours."""
    if isinstance(response, _katydid.Response):
        return response
    own = cls.__new__(cls)
    for name, value in vars(response).items():
        setattr(own, name, value)
    own.history = [adopt(earlier, cls) for earlier in response.history]
    return own


# ---- redirects -----------------------------------------------------------------------------------


def redirect_url(response):
    """Where the Location of this response leads, by the rules of requests."""
    base = response.url
    url = response.headers["location"].encode("latin-1").decode("utf-8")
    if url.startswith("//"):
        url = f"{urlsplit(base).scheme}:{url}"
    parts = urlsplit(url)
    fragment = urlsplit(base).fragment
    if fragment and not parts.fragment:
        parts = parts._replace(fragment=fragment)
    url = requote_uri(parts.geturl())
    if any(len(rest) < 2 for rest in url.split("%")[1:]):
        url = url.replace("%", "%25")  # an escape that is none: each sign stands for itself
    url = same_socket(base, url if parts.netloc else urljoin(base, url))
    check_url(url)
    return url


def check_url(url):
    """InvalidURL for what names no place to connect to."""
    try:
        port_of(url)
    except ValueError:
        raise InvalidURL(f"Failed to parse: {url}") from None
    if wrong := wrong_path(url):
        raise InvalidURL(wrong)
    netloc = "" if is_unix(url) else urlsplit(url).netloc.rpartition("@")[2]
    if any(c <= " " or c == "%" for c in netloc.partition("[")[0]):
        raise InvalidURL(f"Failed to parse: {url}")


EXPECT_NO_BODY = ("GET", "HEAD", "DELETE", "TRACE", "OPTIONS", "CONNECT")


def redirect_method(method, status):
    if status in (302, 303) and method != "HEAD":
        return "GET"
    return "GET" if status == 301 and method == "POST" else method


def redirect(response):
    """The next request of a chain: (method, root, target, headers, body, url)."""
    session = response._session
    url = redirect_url(response)
    root, target = split_url(url)
    if not root.startswith(("http://", "https://", "http+unix://")):
        raise InvalidSchema(f"No connection adapters were found for {url!r}")
    method, fields = response._asked
    headers = seen_headers(fields, split_url(response.url)[0])
    method = redirect_method(method, response.status_code)
    body = response._sent_body
    if response.status_code not in (307, 308):
        for name in ("Content-Length", "Content-Type", "Transfer-Encoding"):
            headers.pop(name, None)
        body = None
    if body is None and method not in EXPECT_NO_BODY and "Content-Length" not in headers:
        headers = CaseInsensitiveDict({"Content-Length": "0", **headers})
    headers.pop("Cookie", None)
    headers.pop("Proxy-Authorization", None)
    if "Authorization" in headers and session.should_strip_auth(response.url, url):
        del headers["Authorization"]
    host = HOST if is_unix(url) else urlsplit(url).hostname or ""
    cookies = session._cookie_header(host, target, root.startswith("https"))
    if cookies:
        headers["Cookie"] = cookies
    return method, root, target, fields_of(method, target, root, headers), body, url


def make_next(response):
    method, root, _, fields, body, url = redirect(response)
    request = PreparedRequest()
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    request.method, request.headers = method, seen_headers(fields, root)
    request.url, request.body, request.hooks = url, body, default_hooks()
    request._cookies = RequestsCookieJar()
    return request


def too_many_redirects(response, most):
    return TooManyRedirects(f"Exceeded {most} redirects.", response=response)


# ---- sending -------------------------------------------------------------------------------------


class LocustHttpAdapter(HTTPAdapter):
    """Sends prepared requests through the C core when it belongs to a session, else by urllib3."""

    _session = None
    _is_built = True

    def __init__(self, pool_manager=None, *args, **kwargs):
        self.poolmanager = pool_manager
        super().__init__(*args, **kwargs)

    @classmethod
    def of(cls, session):
        adapter = cls.__new__(cls)
        adapter._session = session
        adapter._is_built = False
        return adapter

    def init_poolmanager(self, *args, **kwargs):
        if getattr(self, "poolmanager", None) is None:
            super().init_poolmanager(*args, **kwargs)

    def _build(self):
        if not self._is_built:
            self._is_built = True
            LocustHttpAdapter.__init__(self)

    def __getattr__(self, name):
        # Attributes of a real HTTPAdapter, which ours becomes when somebody looks.
        if self._is_built or name.startswith("__"):
            raise AttributeError(name)
        self._build()
        return getattr(self, name)

    def close(self):
        if self._is_built:
            super().close()

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        check_url(request.url)
        check_method(request.method)
        body = sendable(request)
        proxy = None if is_unix(request.url) else select_proxy(request.url, proxies)
        if self._session is not None and _can_send(request.headers, body, proxy):
            return _send(self, request, body, stream, timeout, verify, cert, proxy)
        self._build()
        sent = request
        if body is not request.body:
            sent = request.copy()
            sent.body = body
        args = sent, stream, timeout, verify, cert, proxies
        account = current.get()
        call = super().send
        response = call(*args) if account is None else account.wait_elsewhere(call, *args)
        response.request = request
        return response


def check_method(method):
    if not TOKEN.fullmatch(method):
        raise ValueError(f"Method cannot contain non-token characters {method!r}")


def sendable(request):
    """The body as every urllib3 sends it: parts as bytes, none of them empty, which would end it."""
    body = request.body
    if body is None or isinstance(body, (bytes, str)):
        return body
    try:
        return memoryview(body).tobytes() if not hasattr(body, "read") else _readable(request)
    except TypeError:
        pass
    if not hasattr(body, "__iter__"):
        raise TypeError(
            f"'body' must be a bytes-like object, file-like object, or iterable. Instead was {body!r}"
        )
    return _parts(body)


def _readable(request):
    """A file as it is; what can only be read, in parts."""
    body, headers = request.body, request.headers
    if hasattr(body, "__iter__") or "Content-Length" in headers:
        return body
    headers.setdefault("Transfer-Encoding", "chunked")
    return _parts(iter(lambda: body.read(16384), b""))


def _parts(body):
    for part in body:
        part = part.encode() if isinstance(part, str) else part
        if part:
            yield part


def _can_send(headers, body, proxy):
    if not _katydid.is_loop_thread():
        return False
    if proxy and not prepend_scheme_if_needed(proxy, "http").startswith("http://"):
        return False
    if "expect" in headers:
        return False
    if body is None or isinstance(body, (bytes, str)):
        return body is None or "transfer-encoding" not in headers
    return "content-length" in headers or _is_chunked(headers)


def _is_chunked(headers):
    return headers.get("transfer-encoding") == "chunked"


def _pieces(body):
    """What is sent piece by piece, as http.client reads it."""
    is_file = hasattr(body, "read")
    for block in iter(lambda: body.read(16384) or b"", b"") if is_file else body:
        if isinstance(block, str):
            block = block.encode("latin-1" if is_file else "utf-8")
        yield memoryview(block).tobytes()


def _limits(timeout):
    """(connect, read) in seconds, 0 for none; refuses what urllib3 refuses."""
    if isinstance(timeout, tuple):
        try:
            connect, read = timeout
        except ValueError:
            raise ValueError(
                f"Invalid timeout {timeout}. Pass a (connect, read) timeout tuple, or a single "
                f"float to set both timeouts to the same value."
            ) from None
        timeout = Timeout(connect=connect, read=read)
    elif not isinstance(timeout, Timeout):
        timeout = Timeout(connect=timeout, read=timeout)
    return tuple(
        float(limit) if isinstance(limit, (int, float)) else 0.0
        for limit in (timeout.connect_timeout, timeout._read)
    )


def _proxy_tuple(proxy):
    parts = urlsplit(prepend_scheme_if_needed(proxy, "http"))
    user, password = get_auth_from_url(proxy)
    auth = _basic_auth_str(user, password) if user else None
    return parts.hostname, parts.port or 80, auth


def _send(adapter, request, body, stream, timeout, verify, cert, proxy):
    root, target = split_url(request.url)
    connect, read = _limits(timeout)
    headers = request.headers
    via = _proxy_tuple(proxy) if proxy else None
    is_upgrading = headers.get("upgrade") == "websocket"  # the answer may leave the connection to a WebSocket
    if via and root.startswith("http://") and via[2] and not is_upgrading and "Proxy-Authorization" not in headers:
        headers = CaseInsensitiveDict(headers)
        headers["Proxy-Authorization"] = via[2]
    fields = fields_of(request.method, target, root, headers)
    if is_upgrading:
        root = "ws" + root[4:]
    account = current.get() or Account(adapter._session, request.method, None, request.url)
    account.first_target = account.first_target or request.path_url
    response = account.wait(
        _katydid.exchange,
        adapter._session,
        ResponseContextManager,
        request.method,
        root,
        target,
        fields,
        body=_body_sent(headers, body),
        chunked=_is_chunked(headers),
        stream=bool(stream),
        decode_stream=account.is_events,
        stamped=account.is_events,
        max_body=account.max_body,
        connect=connect,
        read=read,
        verify=True if verify is None else verify,
        cert=tuple(cert) if isinstance(cert, list) else cert,
        proxy=via,
        timeout=timeout,
        account=account,
        discard=account.discard,
    )
    response.request = request
    response.url = request.url
    response.connection = adapter
    failure = response._failure()
    if failure is not None:
        raise failure
    return response


def _body_sent(headers, body):
    if body is None:
        return b"0\r\n\r\n" if "transfer-encoding" in headers else None  # no chunks
    return body if isinstance(body, (bytes, str)) else _pieces(body)


# ---- the call ------------------------------------------------------------------------------------


def error_response(error):
    """Locust's stand-in for a response that never came."""
    response = ResponseContextManager(error)
    response._begun = True
    return response


def redirect_failed(response):
    """A blank response in the place of one whose redirect went wrong."""
    blank = ResponseContextManager(None)
    blank.request = response.request
    return blank


def send_safely(session, method, url, kwargs):
    """What cannot be asked raises; what failed on its way is a response with an error."""
    try:
        return requests.Session.request(session, method, url, **kwargs)
    except (MissingSchema, InvalidSchema, InvalidURL):
        raise
    except RequestException as error:
        return error_response(error)


def plain_request(session, method, url, name, catch_response, context, kwargs, tags=None,
                  max_response_size=None, discard=None):
    """HttpSession.request by way of requests.Session.request."""
    complete_url = session._build_url(url)
    session._explicit_name = name
    kind = take_stream_kind()
    start = perf_counter()
    with Account(session, kind or method, name, url, error_response) as account:
        account.is_events, account.discard = kind is not None, discard
        account.max_body = max_response_size or 0
        response = session._send_request_safe_mode(method, complete_url, **kwargs)
    response = adopt(response, ResponseContextManager)
    duration = took_ms(start, kind, response)
    first = (response.history[0] if response.history else response).request
    if not name:
        name = first.path_url if first else str(url)
    is_reached = account.is_reached
    response._begin(session, kind or method, name, context, catch_response, duration, is_reached)
    account.mark(response)
    response._tags = tags
    response.request_meta["url"] = str(first.url) if first else complete_url
    if kwargs.get("stream"):
        length = response.headers.get("content-length") or 0
        response.request_meta["response_length"] = int(length)
    if not catch_response:
        response._report()
    return response
