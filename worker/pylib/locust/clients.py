# SPDX-License-Identifier: MIT
"""HttpUser's client: used like a requests.Session, sent and recorded by the C core.

The classes are real subclasses of requests' own, so isinstance, subclassing and the exceptions are
those of requests. What the core does not do by itself goes through requests: see _http.plain.
"""

import _katydid  # noqa: F401
import requests  # noqa: F401
from requests.auth import HTTPBasicAuth  # noqa: F401

from ._http import glue as _glue  # noqa: F401  binds the core to these classes
from ._http.plain import LocustHttpAdapter  # noqa: F401
from ._http.response import ResponseContextManager, RestResponseContextManager  # noqa: F401
from ._http.session import HttpSession, SHARED, absolute_http_url_regexp  # noqa: F401
from .event import EventHook  # noqa: F401
from .exception import CatchResponseError, LocustError, ResponseError  # noqa: F401
