# SPDX-License-Identifier: MIT
"""FastHttpUser: Locust's faster user class. Here both are fast; this one keeps the interface that
Locust files for it are written to (see _http.fast for what differs from HttpUser).
"""

import sys
import types

from .._http import fast, fast_parts
from .._http.fast import (  # noqa: F401
    FastHttpSession,
    HTTPClientPool,
    LocustUserAgent,
    insecure_ssl_context_factory,
)
from .._http.fast_parts import (  # noqa: F401
    FAILURE_EXCEPTIONS,
    ConnectionError,
    ErrorResponse,
    FastRequest,
    FastResponse,
    Headers,
    HTTPConnectionClosed,
    HTTPParseError,
    LocustBadStatusCode,
    ResponseContextManager,
    RestResponseContextManager,
)
from ..clients import absolute_http_url_regexp  # noqa: F401
from ..exception import CatchResponseError, LocustError, ResponseError, StopTest  # noqa: F401
from ..user.users import MISSING_HOST, RestMixin, User
from ..util.deprecation import DeprecatedFastHttpLocustClass as FastHttpLocust  # noqa: F401


class FastHttpUser(User, RestMixin):
    """A user whose `client` is a FastHttpSession. The attributes configure it; they are read when
    the user is made."""

    network_timeout = 60.0  # seconds without a byte
    connection_timeout = 60.0
    max_redirects = 30
    max_retries = 0
    insecure = True  # do not verify certificates
    default_headers = None  # sent with each request
    concurrency = 10  # connections per host
    http2 = None  # True, "prior-knowledge" or False; None: what --http2 says
    connections = "per-user"  # "shared:N": all users of the class share N to each origin, in each worker process
    max_connections = None  # that carry HTTP/2, of one user to an origin, when the server takes no more on those there are; None: 1
    max_response_size = None  # bytes of a body, decoded, above which a request has failed; None: 256 MiB
    http2_ping = None  # seconds without a word of the server after which it is asked whether it is there; None: never
    retry_refused = True  # what a server refuses by HTTP/2 is sent again, once; False: it has failed
    proxy_host = None
    proxy_port = None
    client_pool = None  # an HTTPClientPool that the users of a class share
    ssl_context_factory = None  # makes the ssl.SSLContext to use instead of the usual one
    abstract = True

    def __init__(self, environment):
        super().__init__(environment)
        if self.host is None:
            raise StopTest(MISSING_HOST)
        self.client = FastHttpSession(
            base_url=self.host,
            request_event=self.environment.events.request,
            user=self,
            insecure=self.insecure,
            client_pool=self.client_pool,
            ssl_context_factory=self.ssl_context_factory,
            network_timeout=self.network_timeout,
            connection_timeout=self.connection_timeout,
            max_redirects=self.max_redirects,
            max_retries=self.max_retries,
            concurrency=self.concurrency,
            headers=self.default_headers,
            proxy_host=self.proxy_host,
            proxy_port=self.proxy_port,
        )

    def _release(self):
        self._release_client()


def _offer_geventhttpclient():
    """Locust files may import geventhttpclient's pool and errors; where it is not installed, they
    find the ones that FastHttpUser works with."""
    try:
        import geventhttpclient  # noqa: F401

        return
    except ImportError:
        pass
    package = types.ModuleType("geventhttpclient")
    package.__path__ = []
    contents = {
        "client": ("HTTPClientPool",),
        "header": ("Headers",),
        "response": ("HTTPConnectionClosed", "HTTPParseError"),
        "useragent": ("BadStatusCode", "ConnectionError", "RetriesExceeded"),
    }
    sys.modules[package.__name__] = package
    for name, exported in contents.items():
        module = types.ModuleType(f"geventhttpclient.{name}")
        for item in exported:
            setattr(module, item, getattr(fast, item, None) or getattr(fast_parts, item))
        sys.modules[module.__name__] = module
        setattr(package, name, module)


_offer_geventhttpclient()
