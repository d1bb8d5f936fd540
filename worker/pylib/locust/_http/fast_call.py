# SPDX-License-Identifier: MIT
"""One call of a FastHttpSession that the C core does not carry out by itself: from its arguments to its
response, hop by hop, with the manners of geventhttpclient's user agent.

What a script may have put in the place of a part is asked for at each call: the agent's sets of status
codes, its verdict on one, its way of opening a URL, and the session's _send_request_safe_mode.
"""

import json as jsonlib
from base64 import b64encode
from socket import EAI_NONAME, gaierror
from time import perf_counter, sleep
from urllib.parse import urlencode, urlparse

import _katydid
from requests.exceptions import InvalidURL
from requests.models import RequestEncodingMixin

from . import errors
from .account import Account, current, take_stream_kind, took_ms
from .fast_parts import (
    FAILURE_EXCEPTIONS,
    ErrorResponse,
    FastRequest,
    FastResponse,
    Headers,
    ResponseContextManager,
    RetriesExceeded,
    UnsupportedRedirectSchemeError,
    keep_content,
)
from .fast_wire import (
    Pieces,
    encode_body,
    encode_files,
    redirected,
    request_target,
    sent_by_user,
    split_fast_url,
)
from .unix import SCHEME, is_unix, same_socket, wrong_path

ACCEPT_ENCODING = "gzip, deflate, br"
VALID_CODES = frozenset(
    [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 301, 302, 303, 304, 307, 308]
)
REDIRECT_CODES = frozenset([301, 302, 303, 307, 308])


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
        parts = redirected(old, same_socket(response.url, location))
        if parts.scheme not in ("http", "https", SCHEME):
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
    method, body = request.method, response._sent_body if response._asked else request.payload
    headers, is_chunked = sent_by_user(request.headers, old_root)
    headers.discard("Cookie")
    if response.status_code in (301, 302, 303):
        method = "HEAD" if method == "HEAD" else "GET"
        for name in ("Content-Length", "Content-Type", "Content-Encoding"):
            headers.discard(name)
        body, is_chunked = encode_body(None, headers)
    if root != old_root:
        headers.discard("Authorization")
    fields = session._fields(method, parts, root, headers, body, is_chunked)
    return method, root, target, fields, body, parts.geturl()


def fast_redirect_failed(response):
    blank = ErrorResponse()
    blank.request = response.request
    return blank


def redirect_limit(first, most):
    return RetriesExceeded(first.url, f"Redirection limit reached ({most})")


def _chain_error(response, error):
    blank = fast_redirect_failed(response)
    blank.error = error
    blank.status_code = 0
    return blank


# ---- what is sent --------------------------------------------------------------------------------


def basic_auth(username, password):
    parts = (p.encode("latin1") if isinstance(p, str) else p for p in (username, password))
    return "Basic " + b64encode(b":".join(parts)).decode("ascii")


def _fill_in(session, kwargs):
    """Takes what a call says of its contents, and gives it as payload and headers."""
    data, json = kwargs.pop("data", None), kwargs.pop("json", None)
    headers = dict(kwargs.pop("headers", None) or {})
    if auth := kwargs.pop("auth", None):
        headers["Authorization"] = basic_auth(auth[0], auth[1])
    elif session.auth_header:
        headers["Authorization"] = session.auth_header
    added = {"Accept-Encoding": ACCEPT_ENCODING}
    if not data and json is not None:
        data = jsonlib.dumps(json)
        added.update({"Content-Type": "application/json", "Accept": "application/json"})
    for name, value in added.items():
        if name not in headers and name.lower() not in headers:
            headers[name] = value
    kwargs.update(payload=data, headers=headers)


def _typed(data, files, headers):
    """The payload after geventhttpclient's rules for files, dicts and texts."""
    if files:
        data, headers["content-type"] = encode_files(files, data)
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


def _request_parts(session, method, payload, headers, params, files, fields):
    """(headers, body, whether the client chunks it, params). fields: arguments that nobody knows, which
    are a form's, or a query's."""
    own, headers = headers, Headers(session.headers or {})
    headers.update(own or {})
    if fields and method.upper() == "POST":
        if payload is None or isinstance(payload, dict):
            payload = {**(payload or {}), **fields}
    elif fields and (params is None or isinstance(params, dict)):
        params = {**(params or {}), **fields}
    payload = _typed(payload, files, headers)
    return headers, *encode_body(payload, headers), params


def _parse(url, params):
    parts = urlparse(url)
    if params is None:
        return parts
    query = RequestEncodingMixin._encode_params(params)
    return parts._replace(query=f"{parts.query}&{query}" if parts.query else query)


def _awaits_continue(headers):
    return any("100-continue" in str(v).lower() for n, v in headers.items() if n.lower() == "expect")


# ---- how -----------------------------------------------------------------------------------------


class Unseen(Account):
    """Of a request that no statistics see."""

    def _count(self, what, n):
        pass

    def _report(self, response):
        pass


class Manner:
    """How the responses of a call are made."""

    def __init__(self, session, is_catch=False, is_stream=False, is_following=True):
        self.is_stream, self.is_own = is_stream, session._has_own_agent
        agent = session.client if self.is_own else None
        self.cls = ResponseContextManager if is_catch else agent.response_type if agent else FastResponse
        codes = agent.redirect_response_codes if agent else REDIRECT_CODES
        self.redirect_codes = codes if is_following else ()


class _Chain:
    """One request with the redirects that follow it, sent hop by hop."""

    def __init__(self, session, account, manner, method, url, request):
        self.session, self.account, self.manner = session, account, manner
        self.method, self.url = method.upper(), url
        self.headers, self.body, self.is_chunked, params = request
        self.awaits_continue = bool(self.body) and _awaits_continue(self.headers)
        self.parts = _parse(url, params)

    def first(self):
        root, target = split_fast_url(self.parts)
        if not self.parts.hostname:
            raise gaierror(EAI_NONAME, "Name or service not known")
        if wrong := wrong_path(self.url):
            raise InvalidURL(wrong)
        if self.parts.scheme not in ("http", "https", SCHEME):
            raise InvalidURL(f"Invalid URL {self.url!r}")
        fields = self.session._fields(
            self.method, self.parts, root, self.headers.copy(), self.body, self.is_chunked
        )
        return self.send(self.method, root, target, fields, self.body, self.url)

    def send(self, method, root, target, fields, body, url):
        session, manner = self.session, self.manner
        if session._ssl_context_factory and root.startswith("https"):
            return self.account.wait_elsewhere(
                send_with_context, session, manner, method, url, fields, body
            )
        response = self.account.wait(
            _katydid.exchange,
            session,
            manner.cls,
            method,
            root,
            target,
            fields,
            body=body,
            stream=manner.is_stream,
            connect=session._limits[0],
            read=session._limits[1],
            verify=bool(session.verify),
            proxy=None if is_unix(root) else session._proxy,
            decode_stream=True,
            stamped=self.account.is_events,
            max_body=self.account.max_body,
            account=self.account,
            discard=self.account.discard,
            awaits_continue=self.awaits_continue and body is not None,
            chunked=isinstance(body, Pieces) and body.length is None,
        )
        response.url = url
        if response._failure() is None:
            response._take_cookies()
            self.judge(response)
        return response

    def judge(self, response):
        """What an agent of the user's making says of the status; ours says it when it is asked."""
        if not self.manner.is_own:
            return
        verdict = None
        try:
            self.session.client._verify_status(response.status_code, url=response.url)
        except FAILURE_EXCEPTIONS as error:
            error.response, error.request, verdict = response, response.request, error
        response._verdict = verdict

    def is_followed(self, response):
        if response.status_code not in self.manner.redirect_codes or not location_of(response):
            return False
        return not self.manner.is_own or response.error is None

    def follow(self, response, most):
        history = []
        while self.is_followed(response):
            response._release()
            history.append(response)
            if len(history) > most:
                return _chain_error(response, redirect_limit(history[0], most))
            parts = fast_redirect(response, self.session)
            if isinstance(parts, Exception):
                return _chain_error(response, parts)
            response = self.send(*parts)
        response.history = history
        return response


def send_with_context(session, manner, method, url, fields, body):
    """A TLS request with an SSLContext of the user's making: sent by urllib3 on a context that the
    session makes once."""
    import urllib3

    response = manner.cls()
    if session._context_pool is None:
        context = session._ssl_context_factory()
        session._context_pool = urllib3.PoolManager(  # which would verify what the context does not
            ssl_context=context,
            cert_reqs=context.verify_mode,
            assert_hostname=None if context.check_hostname else False,
        )
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    try:
        raw = session._context_pool.urlopen(
            method, url, body=body, headers=dict(fields), redirect=False, retries=False,
            preload_content=not manner.is_stream,
        )
    except urllib3.exceptions.HTTPError as error:
        response.status_code, response.error = 0, errors.root_error(error)
        response.headers = None
        return response
    response.status_code, response.url = raw.status, url
    response.reason, response.headers = raw.reason, Headers(raw.headers.items())
    keep_content(response, raw.read() if manner.is_stream else raw.data)
    response.request = FastRequest(url, method, Headers(fields), body)
    return response


# ---- the call ------------------------------------------------------------------------------------

IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE")


def is_late(response):
    """Whether a request failed in the one way that geventhttpclient repeats it for: in time."""
    return isinstance(response._failure(), RetriesExceeded)


def _never_came(manner, error, url, method, headers=None, body=None):
    response = manner.cls()
    response.status_code, response.error, response.url = 0, error, url
    response.request = FastRequest(url, method, headers, body)
    return response


def _write_conversation(stream, response):
    request = response.request
    method, fields = response._asked
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    target = request_target(urlparse(request.url))
    stream.write(
        f"REQUEST: {request.url}\n{method} {target} HTTP/1.1\r\n{head}\r\n{request.payload or ''}\n\n"
        f"RESPONSE: HTTP/1.1 {response.status_code}\n"
        + "\n".join(f"{name}: {value}" for name, value in (response.headers or Headers()).items())
        + f"\n\n{response.text}\n\n"
    )


def _send_chain(session, account, manner, url, method, headers=None, payload=None, params=None, files=None,
                max_retries=None, max_redirects=None, debug_stream=None, to_string=False, **fields):
    request = _request_parts(session, method, payload, headers, params, files, fields)
    retries = session._retries if max_retries is None else max_retries
    most = session.max_redirects if max_redirects is None else int(max_redirects)
    chain = _Chain(session, account, manner, method, url, request)
    try:
        response = chain.first()
        while retries and chain.method in IDEMPOTENT and is_late(response):
            retries -= 1
            account.resent += response._is_reached
            if session._retry_delay:
                sleep(session._retry_delay)
            response = chain.first()
        if most > 0:
            response = chain.follow(response, most)
    except OSError as error:
        response = _never_came(manner, error, url, method, chain.headers, chain.body)
    if (failure := response._failure()) is not None:
        response.error, response.status_code = failure, 0
    elif debug_stream:
        _write_conversation(debug_stream, response)
    return response


def open_url(session, url, method, kwargs):
    """The response of a request, whatever became of it: a part of the call that is being made, if one is."""
    account = current.get()
    if account is not None and account.manner is not None and account.session is session:
        return _send_chain(session, account, account.manner, url, method, **kwargs)
    with Unseen(session, method, None, url) as account:
        return _send_chain(session, account, Manner(session), url, method, **kwargs)


def send_safely(session, method, url, kwargs):
    """The same by way of the agent, if it opens URLs in its own way."""
    if not session._has_own_agent:
        return open_url(session, url, method, kwargs)
    try:
        return session.client.urlopen(url, method=method, **kwargs)
    except FAILURE_EXCEPTIONS as error:
        response = getattr(error, "response", None)
        if isinstance(response, FastResponse):
            return response
        account = current.get()
        manner = account and account.manner or Manner(session)
        return _never_came(manner, error, url, method, Headers(kwargs.get("headers") or {}))


def fast_plain_request(session, method, url, name, catch_response, context, kwargs, tags=None,
                       max_response_size=None, discard=None):
    """FastHttpSession.request for what the C core does not do by itself."""
    built_url = session._build_url(url)
    manner = Manner(session, catch_response, bool(kwargs.pop("stream", False)),
                    kwargs.pop("allow_redirects", True))
    _fill_in(session, kwargs)
    kind = take_stream_kind()
    start = perf_counter()

    def failed(error):
        return _never_came(manner, error, built_url, method)

    with Account(session, kind or method, name, url, failed, manner) as account:
        account.is_events, account.discard = kind is not None, discard
        account.max_body = max_response_size or 0
        response = session._send_request_safe_mode(method, built_url, **kwargs)
    duration = took_ms(start, kind, response)
    is_reached = account.is_reached
    response._begin(
        session, kind or method, name or url, context, catch_response, duration, is_reached
    )
    account.mark(response)
    response._tags = tags
    if not catch_response:
        response._report()
    return response
