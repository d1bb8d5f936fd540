# SPDX-License-Identifier: MIT
"""WebSockets of Katydid's users: over the C core, measured."""

from time import perf_counter
from urllib.parse import urlparse
from weakref import ref

import requests
from gevent import GreenletExit
from locust._http.account import Account
from locust._http.fast_parts import Headers
from locust._http.fast_parts import ResponseContextManager as FastResponse
from locust._http.fast_wire import split_fast_url
from locust._http.plain import error_response, split_url
from locust._http.response import ResponseContextManager
from requests.auth import HTTPBasicAuth, _basic_auth_str
from requests.cookies import cookiejar_from_dict
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers

from . import _ws_handshake as handshake
from ._ws_messages import Messages
from ._ws_names import WebSocketException, check_numbers, check_seconds, check_subprotocols
from ._ws_socket import Socket

DEFAULT_HEADERS = dict(default_headers())


class WebSocket(Messages, Socket):
    """An open connection of a user (docs/websocket.md)."""

    request = Socket._request

    def close(self, code=1000, reason=""):
        """Says goodbye, and waits a moment for the server's."""
        self._close(code, reason.encode() if isinstance(reason, str) else reason)
        try:
            self._wait_gone()
        except BaseException:
            self.abort()
            raise

    def __exit__(self, kind, error, trace):
        if kind is not None and not issubclass(kind, Exception):
            self._close(1001, b"")  # the user ends: nobody waits for an answer
            self.abort()
        else:
            self.close()


# ---- one request of a handshake ------------------------------------------------------------------


def _proxies(given):
    """Those of ws and wss are the ones of http and https for requests; also of one host, ws://host."""
    own = {"http" + scheme[2:]: proxy for scheme, proxy in given.items() if scheme.partition(":")[0] in ("ws", "wss")}
    return {**given, **own}


def _ask_requests(session, url, options, headers):
    """By a HttpSession: what requests knows of auth, cookies, hooks and proxies holds."""
    cookies = options["cookies"]
    asked = requests.Request("GET", url, headers=headers, params=options["params"], auth=options["auth"],
                             cookies=cookiejar_from_dict(cookies) if isinstance(cookies, dict) else cookies)
    prepared = session.prepare_request(asked)
    if options["first_url"] and session.should_strip_auth(options["first_url"], prepared.url):
        prepared.headers.pop("Authorization", None)
    settings = session.merge_environment_settings(
        prepared.url, _proxies(options["proxies"] or {}), False, options["verify"], options["cert"])
    limits = options["connect_timeout"], options["connect_timeout"]
    return session.send(prepared, timeout=limits, allow_redirects=False, **settings)


def _is_usual(session, options):
    """Whether nothing is asked of requests that this file does not do itself, for less time and memory."""
    plain = (type(None), tuple, HTTPBasicAuth)
    return (session._is_untouched and not session.trust_env and not options["cookies"] and not options["proxies"]
            and isinstance(session.auth, plain) and isinstance(options["auth"], plain))


def _basic(auth):
    return _basic_auth_str(*auth) if isinstance(auth, tuple) else _basic_auth_str(auth.username, auth.password)


def _ask_usual(session, url, options, headers):
    """The same as requests would, by a HttpSession that nobody has changed."""
    prepared = requests.models.PreparedRequest()
    prepared.prepare_url(url, options["params"])
    url, auth = prepared.url, options["auth"] or session.auth
    root, target = split_url(url)
    headers = CaseInsensitiveDict({**DEFAULT_HEADERS, **headers})
    if auth and not (options["first_url"] and session.should_strip_auth(options["first_url"], url)):
        headers["Authorization"] = _basic(auth)
    cookies = session._cookie_header(urlparse(url).hostname, target, url.startswith("https:"))
    if cookies and "Cookie" not in headers:
        headers["Cookie"] = cookies
    verify = session.verify if options["verify"] is None else options["verify"]
    fields = [("Host", handshake.host_header(url)), *headers.items()]
    limit = options["connect_timeout"]
    response = handshake.send_fields(session, ResponseContextManager, url, fields, limit, limit, verify,
                                     options["cert"] or session.cert, None, options["account"])
    failure = response._failure()
    if failure is not None:
        raise failure
    response._take_cookies()
    return response


def _ask_fast(session, url, options, headers):
    parts = urlparse(url)
    if options["params"]:
        query = requests.models.RequestEncodingMixin._encode_params(options["params"])
        parts = parts._replace(query=f"{parts.query}&{query}" if parts.query else query)
    root, target = split_fast_url(parts)
    all_headers = Headers(session.headers or {})
    all_headers.update(headers)
    is_elsewhere = options["first_url"] and handshake.place_of(options["first_url"]) != handshake.place_of(url)
    if options["auth"] and not is_elsewhere:
        all_headers["Authorization"] = _basic_auth_str(*options["auth"])
    elif session.auth_header and not is_elsewhere:
        all_headers["Authorization"] = session.auth_header
    if options["cookies"]:
        all_headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in options["cookies"].items())
    fields = session._fields("GET", parts, root, all_headers, None, False)
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    verify = bool(session.verify) if options["verify"] is None else options["verify"]
    response = handshake.send_fields(
        session, FastResponse, root + target, fields, options["connect_timeout"], options["connect_timeout"], verify,
        options["cert"], session._proxy, options["account"])
    failure = response._failure()
    if failure is not None:
        raise failure
    response._take_cookies()
    return response


def _shake(session, url, options):
    """(the answer 101, what was agreed on)."""
    ask = _ask_fast
    if isinstance(session, requests.Session):
        ask = _ask_usual if _is_usual(session, options) else _ask_requests
    hops = options["hops"]
    while True:
        key, offered = handshake.said_by_hand(options["headers"], handshake.new_key())
        subprotocols = options["subprotocols"] or offered
        headers = handshake.headers_for(key, options["subprotocols"], options["compression"], options["origin"])
        headers.update(options["headers"] or {})
        try:
            response = ask(session, url, options, headers)
        except ValueError as error:  # of a URL: the first one is the caller's own
            if not hops:
                raise
            raise WebSocketException(f"Invalid redirect target {url!r}") from error
        hops.append(response)
        target = handshake.next_url(response, url)
        if target is None or not options["max_redirects"]:
            return response, handshake.check(response, key, subprotocols, options["compression"])
        if len(hops) > options["max_redirects"]:
            raise WebSocketException(f"Exceeded {options['max_redirects']} redirects.")
        options["first_url"] = options["first_url"] or url
        url, options["params"] = target, None


def _report(session, options, label, began, error):
    hops, account = options["hops"], options["account"]
    response = hops[-1] if hops else error_response(error)
    ms = sum(hop._took_ms for hop in hops) if hops else (perf_counter() - began) * 1000
    if len(hops) > 1:
        response.history = hops[:-1]
    response._begin(session, "WS", label, options["context"], True, ms, account.is_reached)
    account.mark(response)
    response._tags = options["tags"]
    response.__enter__()
    response.success() if error is None else response.failure(error)
    response.__exit__(None, None, None)


def full_url(session, url):
    """Where a user's URL leads, for the engine: what is no URL goes behind the host."""
    return handshake.http_form(url if "://" in url else session._build_url(url))


def connect(user, url="", *, name=None, subprotocols=None, headers=None, cookies=None, auth=None, params=None,
            origin=None, compression=None, timeout=None, connect_timeout=60, max_message_size=16 << 20,
            max_waiting=16 << 20, close_timeout=1, ping_interval=0, ping_timeout=0, proxies=None, verify=None, cert=None,
            max_redirects=10, messages=False, tags=None, context=None):
    """Opens a WebSocket with the user's cookies, auth and TLS settings (docs/websocket.md says what each argument is)."""
    if compression not in (None, False, True, "deflate"):
        raise ValueError(f"compression is 'deflate' or None, not {compression!r}")
    check_subprotocols(subprotocols)
    check_seconds(timeout=timeout, connect_timeout=connect_timeout, close_timeout=close_timeout, ping_interval=ping_interval,
                  ping_timeout=ping_timeout)
    check_numbers(1, max_message_size=max_message_size, max_waiting=max_waiting)
    check_numbers(0, max_redirects=max_redirects or 0)
    session = user.client
    name = name or url or "/"
    label = f"connect {name}"
    options = {
        "subprotocols": subprotocols, "headers": headers, "cookies": cookies, "auth": auth, "params": params,
        "origin": origin, "compression": bool(compression), "connect_timeout": connect_timeout, "proxies": proxies,
        "verify": verify, "cert": cert, "max_redirects": max_redirects, "context": context, "tags": tags, "hops": [],
        "first_url": None,
    }
    socket = WebSocket()
    socket.timeout = timeout
    socket._counts(session, name, tags, bool(messages))
    began = perf_counter()
    target = full_url(session, url)
    failure = None
    with Account(session, "WS", label, url, error_response) as account:
        options["account"] = account
        try:
            response, socket._handshake = _shake(session, target, options)
        except handshake.FAILURES as error:
            failure = handshake.failure_of(error)
    _report(session, options, label, began, failure)
    if failure is not None:
        raise failure
    socket.url = handshake.ws_form(response.url)
    socket._open(response, max_message=max_message_size, max_waiting=max_waiting,
                 close_timeout=1 if close_timeout is None else close_timeout,
                 ping_interval=ping_interval or 0, ping_timeout=ping_timeout or 0, deflate=socket._handshake.deflate)
    known = [one for one in user.__dict__.get("_sockets", ()) if one() is not None]
    user._sockets = [*known, ref(socket)]
    return socket


def base_url(url):
    """Where the client of a user leads whose host is that."""
    return handshake.http_form(url) if "://" in url else url
