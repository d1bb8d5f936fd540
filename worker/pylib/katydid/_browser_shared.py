# SPDX-License-Identifier: MIT
"""The browser that the users of a worker share: launched for the first of them, closed at the end of the process."""

import asyncio
import os
import shutil
from contextvars import Context

from locust import exception

from ._aio_measure import finish
from ._browser_pages import text_of

_SYSTEMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_CLOSE_S = 10

_shared = {}  # what a browser is launched with: the asyncio task that has it


def _launch_options(user):
    is_chromium = user.browser_type == "chromium"
    options = {"headless": user.headless, "args": list(user.args), "handle_sigint": False, "handle_sigterm": False,
               "handle_sighup": False, **user.launch_options}
    if is_chromium:
        options.setdefault("chromium_sandbox", os.geteuid() != 0)
        options["args"] = ["--disable-dev-shm-usage", *options["args"]]
    path = user.executable or os.environ.get("KATYDID_BROWSER")
    if path:
        options["executable_path"] = path
    return options


async def browser_of(user):
    """The one that this process has with these options, which is launched if it is not there, or not any more."""
    options = {"endpoint": user.endpoint} if user.endpoint else _launch_options(user)
    key = user.browser_type, repr(sorted(options.items()))
    while True:
        known = _shared.get(key)
        if known is None:
            # It is nobody's: what a user began would end with that user.
            known = _shared[key] = Context().run(asyncio.get_running_loop().create_task, _launch(user.browser_type, options))
            user.environment.events.quitting.add_listener(_Quitting(key))
        try:
            browser = (await asyncio.shield(known))[1]
        except asyncio.CancelledError:
            raise
        except Exception as error:
            _shared.pop(key, None)
            verb = "reached" if user.endpoint else "started"
            raise exception.StopTest(f"The browser could not be {verb}: {text_of(error)}") from None
        if browser.is_connected():
            return browser
        if _shared.get(key) is known:
            del _shared[key]


async def _launch(kind, options):
    from playwright.async_api import async_playwright

    driver = await async_playwright().start()
    try:
        launcher = getattr(driver, kind)
        if "endpoint" in options:  # somebody else's: a page of DevTools, or a server of Playwright
            is_devtools = options["endpoint"].startswith("http") or "/devtools/" in options["endpoint"]
            return driver, await (launcher.connect_over_cdp if is_devtools else launcher.connect)(options["endpoint"])
        if kind == "chromium" and not {"executable_path", "channel"} & options.keys() and not os.path.exists(launcher.executable_path):
            options["executable_path"] = next(filter(None, map(shutil.which, _SYSTEMS)), None)
        return driver, await launcher.launch(**options)
    except BaseException:
        await driver.stop()
        raise


class _Quitting:
    """At the end of the process its browsers are closed."""

    def __init__(self, key):
        self._key = key

    def __call__(self, **_):
        known = _shared.pop(self._key, None)
        if known is not None and known.done() and not known.cancelled() and known.exception() is None:
            finish(_stop(*known.result()))


async def _stop(driver, browser):
    for end in browser.close, driver.stop:
        try:
            await asyncio.wait_for(end(), _CLOSE_S)
        except Exception:  # it is gone already
            pass
