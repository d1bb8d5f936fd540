# SPDX-License-Identifier: MIT
"""FastHttpUser's client: the C core with the manners of geventhttpclient.

What differs from HttpSession: a request is named by the URL as it was passed, TLS is not verified
unless asked for, connections are limited per host, only some statuses are good, and the errors are
those of sockets.
"""

import functools
import re
import ssl
from urllib.parse import unquote, urlsplit, urlunsplit

import _katydid
from requests.models import PreparedRequest

from .connections import connection_options
from .fast_call import REDIRECT_CODES, VALID_CODES, basic_auth, open_url, send_safely
from .fast_parts import (
    FastRequest,
    FastResponse,
    Headers,
    LocustBadStatusCode,
)
from .fast_wire import URLS_KEPT, Pieces, fast_fields, request_target
from .naming import rename_request
from .plain import complete_url
from .unix import HOST, SCHEME

USER_AGENT = "python/gevent-http-client-2.6.1"
MAX_REDIRECTS = 30
DEFAULT_HEADERS = {"User-Agent": USER_AGENT}
absolute_http_url_regexp = re.compile(r"^https?://", re.IGNORECASE)


# ---- the session ---------------------------------------------------------------------------------


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


# What an agent may have of its own. The C core knows only what ours has: other requests it leaves to us.
AGENTS_OWN = (
    "redirect_response_codes",
    "valid_response_codes",
    "response_type",
    "_verify_status",
    "urlopen",
    "__class__",
)


class _AgentType(type):
    """Sees what is put into the class while sessions use it."""

    def __setattr__(cls, name, value):
        super().__setattr__(name, value)
        if name in AGENTS_OWN:
            FastHttpSession._has_own_agent = True


class LocustUserAgent(metaclass=_AgentType):
    """session.client: what geventhttpclient's UserAgent shows of itself."""

    response_type = FastResponse
    request_type = FastRequest
    valid_response_codes = VALID_CODES
    redirect_response_codes = redirect_resonse_codes = REDIRECT_CODES

    def __init__(self, session):
        self._session = session
        self.clientpool = session._client_pool or _OwnPool(session)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name in AGENTS_OWN:
            self._session._has_own_agent = True

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

    @property
    def max_retries(self):
        return self._session._retries

    @max_retries.setter
    def max_retries(self, value):
        self._session._retries = int(value)
        self._session._has_own_agent = True

    @property
    def retry_delay(self):
        return self._session._retry_delay

    @retry_delay.setter
    def retry_delay(self, value):
        self._session._retry_delay = value

    def _verify_status(self, status_code, url=None):
        if status_code not in self.valid_response_codes:
            raise LocustBadStatusCode(url, code=status_code)

    def urlopen(self, url, method="GET", headers=None, payload=None, **kwargs):
        """The response of a request, or what went wrong with it. The statistics see it only as a part of
        a call of the session."""
        kwargs.update(headers=headers, payload=payload)
        response = open_url(self._session, url, method, kwargs)
        error = response.error
        if error is not None:
            error.response = response
            raise error
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
    _retry_delay = 0
    _has_own_agent = False  # one that is not as we made it
    _limits = (60.0, 60.0)
    rename_request = rename_request

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
        options = connection_options(user)
        if client_pool is not None:
            options["pool"] = shared_pool(client_pool)
        self._configure(
            connect_timeout=float(self._limits[0]),
            network_timeout=float(self._limits[1]),
            concurrency=int(concurrency),
            is_plain=bool(self._proxy or self._ssl_context_factory or max_retries),
            **options,
        )

    def _build_url(self, path):
        return complete_url(self.base_url, path)

    def _send_request_safe_mode(self, method, url, **kwargs):
        """The request itself. Code that puts its own in place sees every request pass here."""
        return send_safely(self, method, url, kwargs)

    def _fields(self, method, parts, root, headers, body, is_chunked):
        """The headers of a request as they are sent, with the cookies of its place."""
        if "Cookie" not in headers:
            host = HOST if parts.scheme == SCHEME else parts.hostname
            cookies = self._cookie_header(host, request_target(parts), parts.scheme == "https")
            if cookies:
                headers["Cookie"] = cookies
        is_read = isinstance(body, Pieces)
        length = body.length or 0 if is_read else len(body.encode() if isinstance(body, str) else body or b"")
        return fast_fields(method, root, headers, length, is_chunked)

    def _most_redirects(self, kwargs):
        most = kwargs.get("max_redirects")
        return self.max_redirects if most is None else int(most)

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


@functools.lru_cache(maxsize=URLS_KEPT)
def normal_url(base_url, url):
    """base_url + url in requests' normal form; None when requests would refuse it."""
    request = PreparedRequest()
    try:
        request.prepare_url(complete_url(base_url, url), None)
    except Exception:
        return None
    return request.url
