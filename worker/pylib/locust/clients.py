# SPDX-License-Identifier: MIT
"""HttpUser's client: used like a requests.Session, sent and recorded by the C core.

The classes are real subclasses of requests' own, so isinstance, subclassing and the exceptions are
those of requests. What the core does not do by itself goes through requests: see _http.plain.
"""

import re
from contextlib import contextmanager

import _katydid
import requests
from requests.auth import HTTPBasicAuth

from ._http.fast import split_credentials
from ._http.plain import LocustHttpAdapter, check_headers, complete_url, send_safely
from .event import EventHook  # noqa: F401
from .exception import CatchResponseError, LocustError, ResponseError  # noqa: F401

absolute_http_url_regexp = re.compile(r"^https?://", re.IGNORECASE)
SHARED = {}


class HttpSession(_katydid.Session, requests.Session):
    """A requests.Session with a base URL, whose requests are recorded.

    The verbs and request() also take `name` (what the statistics call the request),
    `catch_response` (a with block decides whether it was a success) and `context` (passed on to the
    listeners of the request event).
    """

    _goes_through_requests = False  # always: something there listens (locust.opentelemetry)
    _explicit_name = None  # of the request that is being made

    def __init__(self, base_url, request_event, user, *args, pool_manager=None, **kwargs):
        self.base_url, credentials = split_credentials(base_url)
        self.request_event = request_event
        self.user = user
        if credentials:
            self.auth = HTTPBasicAuth(*credentials)
        if pool_manager is not None:
            self._share(pool_manager)
        if self._goes_through_requests:
            self._configure(is_plain=True)

    def _share(self, pool_manager):
        """Uses one pool of connections with all sessions that were given this pool manager."""
        options = dict(pool_manager.connection_pool_kw)
        size, is_limited = options.pop("maxsize", 1), options.pop("block", False)
        options.pop("strict", None)
        if any(value is not None for value in options.values()):
            adapter = LocustHttpAdapter(pool_manager=pool_manager)
            self.mount("https://", adapter)
            self.mount("http://", adapter)
            return
        if id(pool_manager) not in SHARED:
            pool = _katydid.Pool(max_idle=size, max_connections=size if is_limited else 0)
            SHARED[id(pool_manager)] = (pool_manager, pool)
        self._configure(pool=SHARED[id(pool_manager)][1])

    def _build_url(self, path):
        return complete_url(self.base_url, path)

    def _send_request_safe_mode(self, method, url, **kwargs):
        """The request itself. Code that puts its own in place sees every request pass here."""
        return send_safely(self, method, url, kwargs)

    @contextmanager
    def rename_request(self, name):
        """Requests in the block go under this name."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def prepare_request(self, request):
        prepared = super().prepare_request(request)
        check_headers(prepared.headers)
        prepared._explicit_name = self._explicit_name
        return prepared

    def get_adapter(self, url):
        if self._has_adapters:
            return super().get_adapter(url)
        if url.lower().startswith(("http://", "https://")):
            return LocustHttpAdapter.of(self)
        raise requests.exceptions.InvalidSchema(f"No connection adapters were found for {url!r}")

    def close(self):
        """Closes idle connections; the session can be used again."""
        if self._has_adapters:
            requests.Session.close(self)
        _katydid.Session.close(self)


class ResponseContextManager(_katydid.Response, requests.Response):
    """A requests.Response; with catch_response=True also a context manager with success() and
    failure()."""

    def __init__(self, error=None):
        self.error = error
        self.status_code = 0
        self.request = getattr(error, "request", None)


class RestResponseContextManager(ResponseContextManager):
    """What rest() yields."""

    js: object  # the answer's JSON; None if it has none


def _missing_catch_response_True(self, *_args, **_kwargs):
    raise LocustError(
        "If you want to change the state of the request using .success() or .failure(), you must "
        "pass catch_response=True. See http://docs.locust.io/en/stable/"
        "writing-a-locustfile.html#validating-responses"
    )


requests.Response.success = _missing_catch_response_True
requests.Response.failure = _missing_catch_response_True

from ._http import glue as _glue  # noqa: E402,F401  binds the core to these classes
