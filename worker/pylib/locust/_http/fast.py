# SPDX-License-Identifier: MIT
"""FastHttpUser's client: the C core with the manners of geventhttpclient.

What differs from HttpSession: a request is named by the URL as it was passed, TLS is not verified
unless asked for, connections are limited per host, only some statuses are good, and the errors are
those of sockets.
"""

import json as jsonlib
import re
import ssl
from base64 import b64encode
from contextlib import contextmanager
from socket import EAI_NONAME, gaierror
from time import perf_counter
from urllib.parse import unquote, urlencode, urlparse, urlsplit, urlunsplit

import _katydid
from requests.exceptions import InvalidURL
from requests.models import PreparedRequest, RequestEncodingMixin

from . import errors
from .account import Account
from .fast_parts import (
    ConnectionError,
    ErrorResponse,
    FastRequest,
    FastResponse,
    Headers,
    HTTPConnectionClosed,
    ResponseContextManager,
    RetriesExceeded,
    UnsupportedRedirectSchemeError,
    keep_content,
)
from .fast_wire import (
    encode_body,
    redirected,
    request_target,
    sent_by_user,
    split_fast_url,
    write_fast_head,
)
from .plain import complete_url

USER_AGENT = "python/gevent-http-client-2.6.1"
MAX_REDIRECTS = 30
ACCEPT_ENCODING = "gzip, deflate, br"
DEFAULT_HEADERS = {"User-Agent": USER_AGENT}
absolute_http_url_regexp = re.compile(r"^https?://", re.IGNORECASE)


# ---- redirects -----------------------------------------------------------------------------------


def location_of(response):
    """Where the answer leads, as text; None if it says nothing, or several things."""
    fields = response._header_list() or (response.headers or Headers()).items()
    locations = [value for name, value in fields if name.lower() == "location"]
    return locations[0] if len(locations) == 1 and locations[0] else None


def fast_redirect(response, session=None):
    """The next request of a chain, or the error that ends it."""
    session = session or response._session
    old = urlparse(response.url)
    location = location_of(response)
    try:
        location = location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        pass
    try:
        parts = redirected(old, location)
        if parts.scheme not in ("http", "https"):
            return UnsupportedRedirectSchemeError(
                response.url, f"refusing to follow redirect to {parts.scheme!r} URL"
            )
        root, target = split_fast_url(parts)
    except ValueError as error:
        return error
    if not parts.hostname:
        return gaierror(EAI_NONAME, "Name or service not known")
    request = response.request
    old_root = split_fast_url(old)[0]
    method, body = request.method, response._sent_body if response._sent else request.payload
    headers, is_chunked = sent_by_user(request.headers, old_root)
    headers.discard("Cookie")
    if response.status_code in (301, 302, 303):
        method = "HEAD" if method == "HEAD" else "GET"
        for name in ("Content-Length", "Content-Type", "Content-Encoding"):
            headers.discard(name)
        body, is_chunked = encode_body(None, headers)
    if root != old_root:
        headers.discard("Authorization")
    head = session._write_head(method, parts, root, target, headers, body, is_chunked)
    return method, root, target, head, body, parts.geturl()


def fast_redirect_failed(response):
    blank = ErrorResponse()
    blank.request = response.request
    return blank


# ---- the plain road ------------------------------------------------------------------------------

IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")


def is_late(response):
    """Whether a request failed in the one way that geventhttpclient repeats it for: in time."""
    return isinstance(response._failure(), RetriesExceeded)


OPTIONS = ("debug_stream", "max_retries", "max_redirects", "to_string")


def _call_headers(session, kwargs, json):
    """The headers of a call, with what FastHttpSession adds to them."""
    headers = dict(kwargs.get("headers") or {})
    if auth := kwargs.get("auth"):
        headers["Authorization"] = basic_auth(auth[0], auth[1])
    elif session.auth_header:
        headers["Authorization"] = session.auth_header
    added = {"Accept-Encoding": ACCEPT_ENCODING}
    if json is not None:
        added.update({"Content-Type": "application/json", "Accept": "application/json"})
    for name, value in added.items():
        if name not in headers and name.lower() not in headers:
            headers[name] = value
    return headers


def _typed(data, files, headers):
    """The payload after geventhttpclient's rules for files, dicts and texts."""
    if files:
        data, headers["content-type"] = RequestEncodingMixin._encode_files(files, data)
        headers["content-length"] = str(len(data))
        return data
    if not data:
        return data
    has_type = bool(headers.get("content-type"))
    if isinstance(data, dict):
        if not has_type:
            headers["content-type"] = "application/x-www-form-urlencoded; charset=utf-8"
        data = urlencode(data).encode()
        headers["content-length"] = str(len(data))
    elif isinstance(data, str) and not has_type:
        headers["content-type"] = "text/plain; charset=utf-8"
        data = data.encode()
        headers["content-length"] = str(len(data))
    elif not has_type:
        headers["content-type"] = "application/octet-stream"
    return data


def _request_parts(session, method, kwargs, options):
    """(headers, body, whether the client chunks it, params) of a call."""
    data, params = kwargs.get("data"), kwargs.get("params")
    json = None if data else kwargs.get("json")
    if json is not None:
        data = jsonlib.dumps(json)
    headers = Headers(session.headers or {})
    headers.update(_call_headers(session, kwargs, json))
    if options and method.upper() == "POST":
        if data is None or isinstance(data, dict):
            data = {**(data or {}), **options}
    elif options and (params is None or isinstance(params, dict)):
        params = {**(params or {}), **options}
    data = _typed(data, kwargs.get("files"), headers)
    return headers, *encode_body(data, headers), params


def _parse(url, params):
    parts = urlparse(url)
    if params is None:
        return parts
    query = RequestEncodingMixin._encode_params(params)
    return parts._replace(query=f"{parts.query}&{query}" if parts.query else query)


class _Chain:
    """One request with the redirects that follow it, sent hop by hop."""

    def __init__(self, session, account, method, url, request, stream):
        self.session, self.account, self.stream = session, account, stream
        self.method, self.url = method.upper(), url
        self.headers, self.body, self.is_chunked, params = request
        self.parts = _parse(url, params)

    def first(self, cls):
        root, target = split_fast_url(self.parts)
        if not self.parts.hostname:
            raise gaierror(EAI_NONAME, "Name or service not known")
        if self.parts.scheme not in ("http", "https"):
            raise InvalidURL(f"Invalid URL {self.url!r}")
        wire, headers = self._wire(root, target), self.headers.copy()
        head = self.session._write_head(
            self.method, self.parts, root, wire, headers, self.body, self.is_chunked
        )
        return self.send(cls, self.method, root, target, head, self.body, self.url)

    def _wire(self, root, target):
        return root + target if self.session._proxy and root.startswith("http://") else target

    def send(self, cls, method, root, target, head, body, url):
        session = self.session
        if session._ssl_context_factory and root.startswith("https"):
            return self.account.wait_elsewhere(
                send_with_context, session, cls, method, url, head, body, self.stream
            )
        response = self.account.wait(
            _katydid.exchange,
            session,
            cls,
            method,
            root,
            target,
            head,
            body=body,
            stream=self.stream,
            connect=session._limits[0],
            read=session._limits[1],
            verify=bool(session.verify),
            proxy=session._proxy,
            decode_stream=True,
            account=self.account,
        )
        response.url = url
        if response._failure() is None:
            response._take_cookies()
        return response

    def follow(self, cls, response, most):
        history = []
        while response.status_code in (301, 302, 303, 307, 308) and location_of(response):
            response._release()
            history.append(response)
            if len(history) > most:
                return _chain_error(response, redirect_limit(response, most))
            parts = fast_redirect(response, self.session)
            if isinstance(parts, Exception):
                return _chain_error(response, parts)
            method, root, target, head, body, url = parts
            if self.session._proxy and root.startswith("http://"):
                head = head.replace(f" {target} ".encode(), f" {root}{target} ".encode(), 1)
            response = self.send(cls, method, root, target, head, body, url)
        response.history = history
        return response


def redirect_limit(response, most):
    return RetriesExceeded(response.url, f"Redirection limit reached ({most})")


def _chain_error(response, error):
    blank = fast_redirect_failed(response)
    blank.error = error
    blank.status_code = 0
    return blank


def send_with_context(session, cls, method, url, head, body, stream):
    """A TLS request with an SSLContext of the user's making: sent by urllib3 on a context that the
    session makes once."""
    import urllib3

    response = cls()
    if session._context_pool is None:
        context = session._ssl_context_factory()
        session._context_pool = urllib3.PoolManager(  # which would verify what the context does not
            ssl_context=context,
            cert_reqs=context.verify_mode,
            assert_hostname=None if context.check_hostname else False,
        )
    fields = [tuple(f.split(": ", 1)) for f in head.decode("latin-1").split("\r\n")[1:] if f]
    try:
        raw = session._context_pool.urlopen(
            method, url, body=body, headers=dict(fields), redirect=False, retries=False,
            preload_content=not stream,
        )
    except urllib3.exceptions.HTTPError as error:
        response.status_code, response.error = 0, errors.root_error(error)
        response.headers = None
        return response
    response.status_code, response.url = raw.status, url
    response.reason, response.headers = raw.reason, Headers(raw.headers.items())
    keep_content(response, raw.read() if stream else raw.data)
    response.request = FastRequest(url, method, Headers(fields), body)
    return response


def _write_conversation(stream, response):
    request = response.request
    stream.write(
        f"REQUEST: {request.url}\n{response._sent.decode('latin-1')}{request.payload or ''}\n\n"
        f"RESPONSE: HTTP/1.1 {response.status_code}\n"
        + "\n".join(f"{name}: {value}" for name, value in (response.headers or Headers()).items())
        + f"\n\n{response.text}\n\n"
    )


def fast_plain_request(session, method, url, name, catch_response, context, kwargs):
    """FastHttpSession.request for what the C core does not do by itself."""
    options = {
        key: kwargs.pop(key)
        for key in list(kwargs)
        if key not in ("data", "json", "params", "headers", "files", "auth", "stream")
        and key not in ("allow_redirects", *OPTIONS)
    }
    request = _request_parts(session, method, kwargs, options)
    built_url = session._build_url(url)
    cls = ResponseContextManager if catch_response else FastResponse
    most = session._most_redirects(kwargs)
    start = perf_counter()
    is_stream = bool(kwargs.get("stream"))
    retries = session._retries if kwargs.get("max_retries") is None else kwargs["max_retries"]

    def failed(error):
        response = cls()
        response.status_code, response.error, response.url = 0, error, built_url
        response.request = FastRequest(built_url, method, chain.headers, chain.body)
        return response

    with Account(session, method, name, url, failed) as account:
        chain = _Chain(session, account, method, built_url, request, is_stream)
        try:
            response = chain.first(cls)
            while retries and chain.method in IDEMPOTENT and is_late(response):
                retries -= 1
                account.resent += response._is_reached
                response = chain.first(cls)
            if kwargs.get("allow_redirects", True) and most:
                response = chain.follow(cls, response, most)
        except OSError as error:
            response = failed(error)
    if (failure := response._failure()) is not None:
        response.error, response.status_code = failure, 0
    duration = (perf_counter() - start) * 1000
    is_reached = account.is_reached
    response._begin(
        session, method, name or url, context, catch_response, duration, is_reached
    )
    if kwargs.get("debug_stream") and response._failure() is None:
        _write_conversation(kwargs["debug_stream"], response)
    if not catch_response:
        response._report()
    return response


# ---- the session ---------------------------------------------------------------------------------


def basic_auth(username, password):
    parts = (p.encode("latin1") if isinstance(p, str) else p for p in (username, password))
    return "Basic " + b64encode(b":".join(parts)).decode("ascii")


def insecure_ssl_context_factory():
    return ssl._create_unverified_context()


class HTTPClientPool:
    """Connections that several FastHttpSessions share (geventhttpclient.client.HTTPClientPool)."""

    def __init__(self, maxsize=None, concurrency=10, **client_args):
        self.concurrency = concurrency
        self.client_args = client_args
        self._pool = _katydid.Pool(max_idle=concurrency, max_connections=concurrency)

    def close(self):
        self._pool.close()


class LocustUserAgent:
    """session.client: what geventhttpclient's UserAgent shows of itself."""

    response_type = FastResponse
    request_type = FastRequest
    valid_response_codes = frozenset(
        [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 301, 302, 303, 304, 307, 308]
    )
    redirect_response_codes = redirect_resonse_codes = frozenset([301, 302, 303, 307, 308])

    def __init__(self, session):
        self._session = session
        self.clientpool = session._client_pool or _OwnPool(session)

    @property
    def cookiejar(self):
        return self._session.cookiejar

    @property
    def default_headers(self):
        return self._session.headers

    @property
    def max_redirects(self):
        return self._session.max_redirects

    @max_redirects.setter
    def max_redirects(self, value):
        self._session.max_redirects = value

    def urlopen(self, url, method="GET", headers=None, payload=None, **kwargs):
        """A request that no statistics see."""
        kwargs.update(data=payload, headers=headers)
        silent = FastHttpSession(None, None, None)
        silent._borrow(self._session)
        response = silent.request(method, url, **kwargs)
        response.raise_for_status()
        return response

    def close(self):
        self.clientpool.close()


class _OwnPool:
    def __init__(self, session):
        self._session = session

    def close(self):
        self._session.close()


class FastHttpSession(_katydid.Session):
    """Sends requests and records them, with the interface of Locust's FastHttpSession."""

    _client_pool = None
    _ssl_context_factory = None
    _context_pool = None
    _proxy = None
    _retries = 0
    _limits = (60.0, 60.0)

    def __init__(
        self,
        base_url,
        request_event,
        user,
        insecure=True,
        client_pool=None,
        ssl_context_factory=None,
        network_timeout=60.0,
        connection_timeout=60.0,
        max_redirects=3,
        max_retries=0,
        concurrency=10,
        headers=None,
        proxy_host=None,
        proxy_port=None,
        **kwargs,
    ):
        self.base_url, auth = split_credentials(base_url)
        self.request_event = request_event
        self.user = user
        if auth:
            self.auth_header = basic_auth(*auth)
        if not insecure:
            self.verify = True
        if max_redirects != MAX_REDIRECTS:
            self.max_redirects = max_redirects
        if (connection_timeout, network_timeout) != self._limits:
            self._limits = connection_timeout or 0.0, network_timeout or 0.0
        if max_retries:
            self._retries = int(max_retries)
        if headers:
            self.headers = merged_headers(headers)
        if client_pool is not None:
            self._client_pool = client_pool
        if ssl_context_factory is not None:
            self._ssl_context_factory = ssl_context_factory
        if proxy_host is not None:
            if proxy_port is None:
                raise AssertionError("you have to provide proxy_port if you set proxy_host")
            self._proxy = (proxy_host, int(proxy_port), proxy_auth(kwargs))
        self._configure(
            connect_timeout=float(self._limits[0]),
            network_timeout=float(self._limits[1]),
            concurrency=int(concurrency),
            pool=shared_pool(client_pool),
            is_plain=bool(self._proxy or self._ssl_context_factory or max_retries),
        )

    def _borrow(self, other):
        self.cookiejar = other.cookiejar
        self.headers = other.headers
        self.verify = other.verify

    def _build_url(self, path):
        return complete_url(self.base_url, path)

    def _write_head(self, method, parts, root, target, headers, body, is_chunked):
        """The head of a request, with the cookies of its place."""
        if "Cookie" not in headers:
            cookies = self._cookie_header(parts.hostname, request_target(parts), parts.scheme == "https")
            if cookies:
                headers["Cookie"] = cookies
        length = len(body.encode() if isinstance(body, str) else body or b"")
        return write_fast_head(method, target, root, headers, length, is_chunked)

    def _most_redirects(self, kwargs):
        most = kwargs.get("max_redirects")
        return self.max_redirects if most is None else int(most)

    @contextmanager
    def rename_request(self, name):
        """Requests in the block go under this name."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def iter_lines(self, url, method="GET", **kwargs):
        """The lines of a streamed response, as they arrive."""
        response = self.request(method, url, stream=True, **kwargs)
        response.raise_for_status()
        rest = ""
        for chunk in response.iter_content(chunk_size=1024):
            if isinstance(chunk, bytes):
                chunk = chunk.decode("utf-8", errors="replace")
            *lines, rest = (rest + chunk).split("\n")
            yield from lines
        if rest:
            yield rest


_merged = {}


def merged_headers(headers):
    """The default headers with these on top; one dict for all users of a class."""
    key = repr(headers)
    if key not in _merged:
        own = Headers({"User-Agent": USER_AGENT})
        own.update(headers)
        _merged[key] = own.by_spelling()
    return _merged[key]


def proxy_auth(options):
    user, password = options.get("proxy_user"), options.get("proxy_password")
    if user is None and password is None:
        return None
    return basic_auth(user or "", password or "")


_shared = {}


def shared_pool(client_pool):
    """The _katydid.Pool behind a pool object, ours or geventhttpclient's own."""
    if client_pool is None or isinstance(client_pool, HTTPClientPool):
        return client_pool and client_pool._pool
    known = _shared.get(id(client_pool))
    if known is None:
        size = client_pool.client_args.get("concurrency", 1)
        pool = _katydid.Pool(max_idle=size, max_connections=size)
        known = _shared[id(client_pool)] = (client_pool, pool)
    return known[1]


def split_credentials(base_url):
    """(base_url without user:password@, (user, password) or None)"""
    if not base_url or "@" not in base_url:
        return base_url, None
    parts = urlsplit(base_url)
    if not (parts.username and parts.password):
        return base_url, None
    url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return url, (unquote(parts.username), unquote(parts.password))


def make_agent(session):
    return LocustUserAgent(session)


def normal_url(base_url, url):
    """base_url + url in requests' normal form; None when requests would refuse it."""
    request = PreparedRequest()
    try:
        request.prepare_url(complete_url(base_url, url), None)
    except Exception:
        return None
    return request.url


FAILURE_EXCEPTIONS = (ConnectionError, OSError, HTTPConnectionClosed)
