# SPDX-License-Identifier: MIT
"""What is seen of the pages of a user's browser: rows of loads, requests and errors, and web vitals."""

import asyncio
import time
from contextvars import copy_context
from urllib.parse import urlsplit

from ._browser_evidence import Evidence
from ._browser_vitals import SCRIPT, Vitals

_FLUSH_S = 0.5
_MESSAGE_MOST = 300
_DOCUMENTS_MOST = 100


def text_of(error):
    """Playwright's errors have a drawing in frames, and a log of what it tried."""
    lines = [line.strip(" ║╔╗╚╝═") for line in str(error).splitlines()]
    text = next((line for line in lines if line), type(error).__name__)
    return text[:_MESSAGE_MOST]


class PageError(Exception):
    """What went wrong with a page, as its row has it."""


class View:
    """Rows and metrics of a user's pages."""

    def __init__(self, user):
        self._user, self._event = user, user.environment.events.request
        self._pages = {}  # page -> _Page
        self.evidence = Evidence(user)

    async def open(self):
        self._of_user = copy_context()  # Playwright's events come in nobody's
        context = self._user.browser_context
        await context.expose_binding("__katydid_tell", self._told)
        await context.add_init_script(SCRIPT)

    def watch(self, page):
        seen = self._pages[page] = _Page(page, self)
        page.on("close", self._closed)
        page.on("response", seen.answered)
        if self._user.page_errors:
            page.on("pageerror", seen.failed)
        if self._user.console:
            page.on("console", seen.wrote)
        if self._user.requests:
            page.on("requestfinished", seen.finished)
            page.on("requestfailed", seen.lost)

    def wants(self, request):
        wanted = self._user.requests
        return wanted is True or request.resource_type in wanted

    def _told(self, source, news):
        """The script of a page has something to say."""
        seen = self._pages.get(source["page"])
        if seen is not None and source["frame"] is source["page"].main_frame and isinstance(news, dict):
            seen.told(news)

    def _closed(self, page):
        seen = self._pages.pop(page, None)
        if seen is not None:
            seen.is_left()

    async def close(self):
        await self.evidence.close()
        for page, seen in list(self._pages.items()):
            await seen.flush()
            self._closed(page)

    def wants_word(self, kind):
        return kind in self._user.console

    def row(self, kind, name, ms, length=0, error=None, url=None, page=None):
        if error is not None and page is not None:
            self.evidence.note(page, f"{kind} {name}")
        self._of_user.copy().run(self._event.fire, request_type=kind, name=name, response_time=ms, response_length=length,
                                 exception=error, context=self._user.context(), url=url)

    def cut(self, kind, name):
        self._event._cut({"request_type": kind, "name": name})

    def vitals(self, name, news):
        if self._user.vitals:
            Vitals.add(name, news)


class _Page:
    """goto() and reload() of a page take the `name` of the row as well."""

    def __init__(self, page, view):
        self._page, self._view = page, view
        self._name = None  # that the next page to load was given
        self._documents = {}  # by the time of its navigation: name, vitals as they are now. There is one at most
        self._status = {}  # of documents, by URL
        self._is_shown = False  # there is a picture of what failed
        self._given_up = 0  # when that was last: what was begun before is not told as loaded (Unix time, in ms)
        self._goto, self._reload = page.goto, page.reload
        page.goto, page.reload = self.goto, self.reload

    async def goto(self, url, *, name=None, **options):
        return await self._load(lambda: self._goto(url, **options), name or _path(url))

    async def reload(self, *, name=None, **options):
        return await self._load(lambda: self._reload(**options), name or _path(self._page.url))

    async def _load(self, load, name):
        await self.flush()
        self._name = name
        try:
            answer = await load()
            if answer is None:  # the same document, at another place
                self._name = None
            elif answer.status >= 400:
                self._show(name)
            return answer
        except BaseException as error:
            if self._name is not None:  # it was not told as loaded, and is told now
                if isinstance(error, Exception):
                    self._view.row("PAGE", name, None, error=PageError(text_of(error)), page=self._page)
                    error.is_in_rows = True
                    await self._view.evidence.settle()
                else:
                    self._view.cut("PAGE", name)
                self._given_up = time.time() * 1000
            self._name = None
            raise

    def told(self, news):
        url = str(news.get("url"))
        if url.startswith("chrome-error:"):  # what Chromium shows in place of a page
            return
        if news.get("what") == "load":
            if (_number(news.get("id")) or 0) <= self._given_up:
                return
            name, self._name = self._name or _path(url), None
            self._document(news)[0] = name
            status = self._status.pop(url.partition("#")[0], 200)
            error = PageError(f"HTTP {status}") if status >= 400 else None
            self._view.row("PAGE", name, _number(news.get("load")), int(_number(news.get("length")) or 0), error, url)
            if error is not None:
                self._show(name)
        else:
            self._document(news)[1] = news

    def _show(self, name):
        """A page with a status that says no. It is told when it is loaded, which may be before goto() ends, or after."""
        if not self._is_shown:
            self._view.evidence.show(self._page, f"PAGE {name}")
        self._is_shown = True

    def _document(self, news):
        """What the news are of; where that is another one than before, this has been left."""
        known = self._documents.get(news.get("id"))
        if known is None:
            self.is_left()
            known = self._documents[news.get("id")] = [None, {}]
        return known

    def is_left(self):
        """The vitals of what was shown are final."""
        documents, self._documents = self._documents, {}
        for name, values in documents.values():
            if values:
                self._view.vitals(name or _path(values["url"]), values)

    async def flush(self):
        """The vitals of what is shown, which will not be shown for long."""
        if self._page.is_closed() or self._page.url == "about:blank":
            return
        try:
            await asyncio.wait_for(self._page.evaluate("() => window.__katydid_flush && window.__katydid_flush()"), _FLUSH_S)
        except Exception:  # it is busy, or away: there are none
            pass

    # Playwright's events

    def answered(self, response):
        if response.request.is_navigation_request() and response.frame is self._page.main_frame:
            self._is_shown = False
            if response.status >= 400:
                self._view.evidence.failed()
            if len(self._status) > _DOCUMENTS_MOST:
                self._status.clear()
            self._status[response.url.partition("#")[0]] = response.status

    def failed(self, error):
        self._view.row("PAGE error", _path(self._page.url), None, error=PageError(text_of(error)), url=self._page.url, page=self._page)

    def wrote(self, message):
        if self._view.wants_word(message.type):
            error = PageError(f"{message.type}: {text_of(message.text)}")
            self._view.row("PAGE console", _path(self._page.url), None, error=error, url=self._page.url, page=self._page)

    async def finished(self, request):
        if not self._view.wants(request):
            return
        response, sizes = await request.response(), await request.sizes()
        error = PageError(f"HTTP {response.status}") if response and response.status >= 400 else None
        self._tell(request, sizes["responseBodySize"] + sizes["responseHeadersSize"], error)

    def lost(self, request):
        if not self._view.wants(request):
            return
        why = request.failure or "failed"
        if "ABORTED" in why:  # the page was left, or closed
            self._view.cut(*_row_of(request))
        else:
            self._tell(request, 0, PageError(why))

    def _tell(self, request, length, error):
        ended = request.timing["responseEnd"]
        self._view.row(*_row_of(request), ended if ended >= 0 else None, length, error, request.url, self._page)


def _row_of(request):
    return request.resource_type.upper(), f"{request.method} {_path(request.url)}"


def _path(url):
    """The name of a page, unless it is given one: without query and fragment, which would make a row of each."""
    parts = urlsplit(url)
    return parts.path or "/" if parts.scheme in ("http", "https", "") else url.partition("?")[0][:_MESSAGE_MOST]


def _number(value):
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None
