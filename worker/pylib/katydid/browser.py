# SPDX-License-Identifier: MIT
"""Users with a real browser, by Playwright (docs/browser.md). It has to be installed: pip install playwright.

    from katydid.browser import BrowserUser
    from locust import task

    class Shopper(BrowserUser):
        @task
        async def look(self):
            await self.page.goto("/", name="start")
            await self.page.click("text=Offers")

All users of a worker share a browser, and each has a context of its own there: cookies, storage and cache are its own. A page
that was loaded is a row `PAGE`, and how it felt are the web vitals, as metrics by the names of k6's."""

import asyncio

from locust import exception
from locust.user.task import report_error
from locust.user.users import User

from ._aio_measure import finish, measure
from ._browser_pages import View
from ._browser_shared import browser_of

try:
    import playwright.async_api as _playwright  # with the file of the test: it takes a while
except ImportError:
    _playwright = None

__all__ = ["BrowserUser", "measure"]

KINDS = ("chromium", "firefox", "webkit")
_INSTALL = "BrowserUser needs Playwright: pip install playwright (and, where there is no Chromium: playwright install chromium)"
_CLOSE_S = 10


class BrowserUser(User):
    """`page` is Playwright's (playwright.async_api), `browser_context` the user's part of `browser`."""

    abstract = True
    browser_type = "chromium"  # "firefox", "webkit"
    headless = True
    executable = None  # its path; None: that of the environment's KATYDID_BROWSER, or what Playwright has, or else the system's
    endpoint = None  # of a browser that runs elsewhere, in place of one that is launched: http://host:9222, ws://…
    args = ()  # of the browser
    launch_options = {}  # others of Playwright's launch()
    context_options = {}  # of its new_context(): viewport, locale, storage_state, ignore_https_errors …
    vitals = True
    requests = ()  # a row for each request of these types: "xhr", "fetch", "script", "image" …; True: of all
    page_errors = True  # an exception of the page's script is a failure
    console = ()  # what pages write to their console is a failure, of these types: "error", "warning", "assert" …
    screenshots = None  # a folder for pictures of pages on which something failed
    hars = None  # a folder for the HAR of each iteration in which something failed
    har_options = {}  # of Playwright's start_har(): content="omit" …
    evidence_most = 20  # pictures, and HARs, that a worker process keeps

    def __init__(self, environment):
        super().__init__(environment)
        if self.browser_type not in KINDS:
            raise exception.StopTest(f"browser_type={self.browser_type!r}: it is one of {', '.join(KINDS)}")
        if _playwright is None:
            raise exception.StopTest(_INSTALL)
        self.browser = self.browser_context = self.page = self._view = None

    async def new_page(self):
        """One more page of this user, which is measured likewise."""
        page = await self.browser_context.new_page()
        self._view.watch(page)
        return page

    # ---- its life

    def _live(self):
        try:
            finish(self._open())
        except exception.StopTest as end:
            self._stop_test(end)
            return None
        except Exception as error:
            report_error(self, self, error)
            if not self.environment.catch_exceptions:
                raise
            return None
        if self._view.evidence.is_wanted:
            self.tasks = [self._view.evidence.iteration(task) for task in self.tasks]
        return super()._live()

    async def _open(self):
        self.browser = await browser_of(self)
        options = {"base_url": self.host, **self.context_options} if self.host else dict(self.context_options)
        self.browser_context = await self.browser.new_context(**options)
        self._view = View(self)
        await self._view.open()
        self.page = await self.new_page()

    def _release(self):
        if self.browser_context is not None:
            finish(self._close())

    async def _close(self):
        context, self.browser_context = self.browser_context, None
        try:
            await asyncio.wait_for(self._view.close(), _CLOSE_S)
            await asyncio.wait_for(context.close(), _CLOSE_S)
        except Exception:  # the browser is gone, or does not answer: it goes with the process
            pass
