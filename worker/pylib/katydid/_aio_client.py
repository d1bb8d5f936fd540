# SPDX-License-Identifier: MIT
"""HTTP for coroutines: called as aiohttp's session is, so that what was written for aiolocust moves, and sent by Katydid's C.

A request parks the greenlet that carries out its coroutine, and no other coroutine waits for it (locust/_aio_loop.py)."""

import inspect
import json as jsonlib

import requests
from locust.user.users import HttpUser as PlainUser

from ._aio_measure import is_failure


class ClientError(Exception):
    """A request that failed; its row says so already."""

    is_in_rows = True


class ClientConnectorError(ClientError, OSError):
    """There was no answer."""


class ServerTimeoutError(ClientError, TimeoutError):
    """There was none in time."""


class ClientResponseError(ClientError):
    """An answer whose status says that it is none."""

    def __init__(self, status, message, url):
        super().__init__(f"{status}, message={message!r}, url={url!r}")
        self.status, self.message = status, message


class ClientResponse:
    """An answer, which is there as a whole. What is put into `error` is the failure of its row."""

    error = None

    def __init__(self, response):
        self.sync = response  # as HttpUser has it

    status = property(lambda self: self.sync.status_code)
    reason = property(lambda self: self.sync.reason)
    headers = property(lambda self: self.sync.headers)
    cookies = property(lambda self: self.sync.cookies)
    url = real_url = property(lambda self: self.sync.url)
    history = property(lambda self: tuple(ClientResponse(hop) for hop in self.sync.history))
    method = property(lambda self: self.sync.request.method)
    ok = property(lambda self: self.status < 400)

    @property
    def content_type(self):
        return self.headers.get("Content-Type", "application/octet-stream").partition(";")[0].strip()

    async def read(self):
        return self.sync.content

    async def text(self, encoding=None, errors="strict"):
        return self.sync.content.decode(encoding, errors) if encoding else self.sync.text

    async def json(self, *, encoding=None, loads=jsonlib.loads, content_type=None):
        text = (await self.text(encoding)).strip()
        return loads(text) if text else None

    def raise_for_status(self):
        if not self.ok:
            raise ClientResponseError(self.status, self.reason, self.url)

    def release(self):
        pass

    close = release


class _Request:
    """To be awaited, or entered with `async with`: then the block has a say in its row."""

    def __init__(self, session, method, url, name, raise_for_status, options):
        self._session, self._asked, self._name = session, (method, url), name
        self._is_strict, self._options = raise_for_status, options

    def _send(self):
        """The answer, whose row is not told yet."""
        held = self._session.sync.request(*self._asked, name=self._name, catch_response=True, **self._options)
        held.__enter__()
        if held.status_code and not (self._is_strict and held.status_code >= 400):
            return ClientResponse(held)
        held.__exit__(None, None, None)
        if held.status_code:
            raise ClientResponseError(held.status_code, held.reason, held.url)
        kind = ServerTimeoutError if isinstance(held.error, requests.Timeout) else ClientConnectorError
        raise kind(str(held.error)) from held.error

    async def __aenter__(self):
        self._response = self._send()
        return self._response

    async def __aexit__(self, kind, error, trace):
        response, held = self._response, self._response.sync
        if is_failure(kind):
            held.failure(error)
            if isinstance(error, (AssertionError, ClientError, TimeoutError)):
                error.is_in_rows = True
        elif kind is not None:
            held.__exit__(kind, error, trace)
            return
        elif response.error is not None:
            held.failure(response.error)
        held.__exit__(None, None, None)

    def __await__(self):
        return self._whole().__await__()

    async def _whole(self):
        response = self._send()
        response.sync.__exit__(None, None, None)
        return response


class ClientSession:
    """A user's `client`. `sync` is the same as HttpUser has it."""

    def __init__(self, session, timeout=60.0, headers=None, auth=None, raise_for_status=False, **others):
        if others:
            raise TypeError(f"session_kwargs: {', '.join(sorted(others))} is none of timeout, headers, auth, raise_for_status")
        self.sync = session
        session.headers.update(headers or {})
        session.auth = _basic(auth) or session.auth
        self._is_strict, self._timeout = raise_for_status, timeout

    headers = property(lambda self: self.sync.headers)
    cookie_jar = property(lambda self: self.sync.cookies)

    def request(self, method, url, *, name=None, raise_for_status=None, timeout=None, auth=None, ssl=None, proxy=None, **options):
        """`name` is that of its row. Other arguments are aiohttp's, where requests has them, too: params, data, json, headers,
        cookies, allow_redirects; or requests' own."""
        limit = self._timeout if timeout is None else timeout
        options["timeout"] = getattr(limit, "total", limit)
        if auth is not None:
            options["auth"] = _basic(auth)
        if ssl is not None:
            options["verify"] = bool(ssl)
        if proxy is not None:
            options["proxies"] = {"http": str(proxy), "https": str(proxy)}
        is_strict = self._is_strict if raise_for_status is None else raise_for_status
        return _Request(self, method, str(url), name, is_strict, options)

    def get(self, url, **options):
        return self.request("GET", url, **options)

    def options(self, url, **options):
        return self.request("OPTIONS", url, **options)

    def head(self, url, **options):
        return self.request("HEAD", url, **{"allow_redirects": False, **options})

    def post(self, url, **options):
        return self.request("POST", url, **options)

    def put(self, url, **options):
        return self.request("PUT", url, **options)

    def patch(self, url, **options):
        return self.request("PATCH", url, **options)

    def delete(self, url, **options):
        return self.request("DELETE", url, **options)

    async def close(self):
        self.sync.close()


def _basic(auth):
    """aiohttp.BasicAuth has a third field."""
    return tuple(auth[:2]) if isinstance(auth, tuple) else auth


class HttpUser(PlainUser):
    """A user whose `client` is for coroutines. A method `async def run` is its task, as in aiolocust."""

    abstract = True
    session_kwargs = {}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        run = cls.__dict__.get("run")
        if inspect.iscoroutinefunction(run):
            del cls.run
            cls.tasks = [*cls.tasks, run]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.client = ClientSession(self.client, **self.session_kwargs)

    @property
    def base_url(self):
        return self.host

    def _release(self):
        self.client = self.client.sync
        super()._release()
