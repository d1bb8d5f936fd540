"""Users with a real browser; see docs/browser.md for what has to be installed.

    katydid -f locustfiles/protocols/browser_shop.py -H http://127.0.0.1:8000 -u 2
    make run EXAMPLE=protocols/browser_shop        # brings a server
"""

from katydid.browser import BrowserUser, measure
from locust import between, task


class Shopper(BrowserUser):
    wait_time = between(1, 2)
    context_options = {"viewport": {"width": 1280, "height": 720}}

    @task
    async def look(self):
        await self.page.goto("/", name="start")
        async with measure(self, "the page has text", "flow"):
            await self.page.wait_for_selector("body:not(:empty)")
