# SPDX-License-Identifier: MIT
"""HttpUser's client. locust.clients has the public names."""

import re

import _katydid
import requests
from requests.auth import HTTPBasicAuth

from .connections import connection_options
from .fast import split_credentials
from .naming import rename_request
from .plain import LocustHttpAdapter, check_headers, complete_url, send_safely
from .unix import same_socket

absolute_http_url_regexp = re.compile(r"^https?://", re.IGNORECASE)
SHARED = {}


class HttpSession(_katydid.Session, requests.Session):
    """A requests.Session with a base URL, whose requests are recorded.

    The verbs and request() also take `name` (what the statistics call the request),
    `catch_response` (a with block decides whether it was a success) and `context` (passed on to the
    listeners of the request event).
    """

    __module__ = "locust.clients"  # as everybody knows it

    _goes_through_requests = False  # always: something there listens (locust.opentelemetry)
    _explicit_name = None  # of the request that is being made
    rename_request = rename_request

    def __init__(self, base_url, request_event, user, *args, pool_manager=None, **kwargs):
        self.base_url, credentials = split_credentials(base_url)
        self.request_event = request_event
        self.user = user
        if credentials:
            self.auth = HTTPBasicAuth(*credentials)
        options = connection_options(user)
        if options:
            self._configure(**options)
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

    def prepare_request(self, request):
        prepared = super().prepare_request(request)
        check_headers(prepared.headers)
        prepared._explicit_name = self._explicit_name
        return prepared

    def get_redirect_target(self, resp):
        target = super().get_redirect_target(resp)
        return target and same_socket(resp.url, target)

    def get_adapter(self, url):
        if self._has_adapters:
            return super().get_adapter(url)
        if url.lower().startswith(("http://", "https://", "http+unix://")):
            return LocustHttpAdapter.of(self)
        raise requests.exceptions.InvalidSchema(f"No connection adapters were found for {url!r}")

    def close(self):
        """Closes idle connections; the session can be used again."""
        if self._has_adapters:
            requests.Session.close(self)
        _katydid.Session.close(self)
