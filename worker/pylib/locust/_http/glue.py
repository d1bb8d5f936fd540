# SPDX-License-Identifier: MIT
"""Everything the C core asks of Python, under the names it knows (GLUE_NAMES in py_client.h)."""

import json
import os

import _katydid
import requests
from requests.auth import HTTPBasicAuth
from requests.exceptions import HTTPError
from requests.hooks import default_hooks as make_hooks
from requests.structures import CaseInsensitiveDict as case_insensitive_dict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, extract_zipped_paths
from requests.utils import default_headers as make_requests_headers

from ..exception import CatchResponseError, LocustError, ResponseError
from . import fast, fast_parts, plain, response, session
from .cookies import adopt_cookies, jar_rows, jar_set, make_cookies
from .errors import error, root_error
from .fast import make_agent, normal_url
from .fast_call import fast_plain_request, fast_redirect, fast_redirect_failed, redirect_limit
from .fast_parts import (
    bad_status,
    fast_error,
    fast_plain_content,
    fast_plain_json,
    fast_plain_text,
    make_fast_headers,
    make_fast_request,
)
from .fast_wire import fast_url
from .plain import (
    LocustHttpAdapter,
    make_encoding,
    make_next,
    make_raw,
    make_request,
    make_response_cookies,
    plain_request,
    redirect,
    redirect_failed,
)

session_class = session.HttpSession
response_class = response.ResponseContextManager
fast_session_class = fast.FastHttpSession
fast_response_class = fast_parts.FastResponse
fast_catch_class = fast_parts.ResponseContextManager

locust_error = LocustError
catch_response_error = CatchResponseError
response_error = ResponseError
http_basic_auth = HTTPBasicAuth

plain_text = requests.Response.text.fget
plain_json = requests.Response.json
plain_content = requests.Response.content.fget

json_encode = json.JSONEncoder(allow_nan=False).encode

default_headers = make_requests_headers()
fast_headers = fast.DEFAULT_HEADERS
bare_agent = plain.BARE_AGENT
make_proxies = make_params = dict

with_without_catch = (
    "In order to use a with-block for requests, you must also pass catch_response=True"
)
NOT_ENTERED = (
    "Tried to set status on a request that has not yet been made. Make sure you use a with-block, "
    "like this:\n\nwith self.client.request(..., catch_response=True) as response:\n"
)
success_not_entered = NOT_ENTERED + "    response.success()"
failure_not_entered = NOT_ENTERED + "    response.failure(...)"
no_catch = (
    "If you want to change the state of the request, you must pass catch_response=True. See "
    "http://docs.locust.io/en/stable/writing-a-locustfile.html#validating-responses"
)


def make_headers(session):
    if isinstance(session, fast.FastHttpSession):
        return dict(fast.DEFAULT_HEADERS)
    return make_requests_headers()


def make_adapters(session):
    from collections import OrderedDict

    adapter = LocustHttpAdapter.of(session)
    return OrderedDict([("https://", adapter), ("http://", adapter)])


def is_env_free():
    """Whether nothing in the environment would change what requests sends."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC")
    if any(os.environ.get(name) for name in names):
        return False
    if any(value and name.lower().endswith("_proxy") for name, value in os.environ.items()):
        return False
    return not any(os.path.exists(os.path.expanduser(p)) for p in ("~/.netrc", "~/_netrc"))


def ca_file(verify, cert):
    """(verify, CA bundle, certificate, key) from requests' verify and cert."""
    bundle = None
    if verify:
        bundle = extract_zipped_paths(DEFAULT_CA_BUNDLE_PATH) if verify is True else str(verify)
        if not os.path.exists(bundle):
            raise OSError(
                f"Could not find a suitable TLS CA certificate bundle, invalid path: {bundle}"
            )
    pair = tuple(cert) if isinstance(cert, (tuple, list)) else (cert, None)
    for path, what in zip(pair, ("certificate", "key")):
        if path and not os.path.exists(path):
            raise OSError(f"Could not find the TLS {what} file, invalid path: {path}")
    return bool(verify), bundle, *(str(path) if path else None for path in pair)


def too_many_redirects(response, most):
    if isinstance(response._session, fast.FastHttpSession):
        return redirect_limit((response.history or [response])[0], most)
    return plain.too_many_redirects(response, most)


def http_error(response, url):
    status = response.status_code
    side = "Client" if status < 500 else "Server"
    return HTTPError(f"{status} {side} Error: {response.reason} for url: {url}", response=response)


def user_context(user, context):
    if user is None:
        return dict(context or {})
    return {**user.context(), **(context or {})}


__all__ = [
    "adopt_cookies",
    "bad_status",
    "case_insensitive_dict",
    "error",
    "fast_error",
    "fast_plain_content",
    "fast_plain_json",
    "fast_plain_request",
    "fast_plain_text",
    "fast_redirect",
    "fast_redirect_failed",
    "fast_url",
    "jar_rows",
    "jar_set",
    "make_agent",
    "make_cookies",
    "make_encoding",
    "make_fast_headers",
    "make_fast_request",
    "make_hooks",
    "make_next",
    "make_raw",
    "make_request",
    "make_response_cookies",
    "normal_url",
    "plain_request",
    "redirect",
    "redirect_failed",
    "root_error",
]

import sys  # noqa: E402

_katydid.bind_client(sys.modules[__name__])
