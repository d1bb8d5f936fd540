# SPDX-License-Identifier: MIT
"""katydid.browser: users with pages of a real Chromium, by the real Playwright."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from harness import BROWSER, BROWSER_PYTHON, ROOT, Process, free_port, locustfile, run_katydid

PLUGINS = Path(os.environ.get("KATYDID_PLUGINS_VENV", ROOT / "build" / "venv-plugins"))


@pytest.fixture(scope="module")
def shop():
    with Process([sys.executable, ROOT / "tests" / "support" / "page_server.py"]) as server:
        yield f"http://127.0.0.1:{server.wait_line(r'^([0-9]+)$').group(1)}"


def run(shop, text, *arguments, **env):
    text = f"import sys\nfrom katydid.browser import BrowserUser, measure\nfrom locust import task\n" + textwrap.dedent(text)
    with locustfile(text) as path:
        process = run_katydid("-f", path, "--headless", "-H", shop, "-u", 2, "-r", 2, "-i", 2, "-t", 100, "--json", "--summary", path.parent / "s.json", *arguments,
                              env={"VIRTUAL_ENV": str(BROWSER_PYTHON), "KATYDID_BROWSER": BROWSER, **env})
        process.rows = {(row["method"], row["name"]): row for row in json.loads(process.stdout or "[]")}
        process.summary = json.loads((path.parent / "s.json").read_text()) if (path.parent / "s.json").exists() else None
    return process


def test_pages_vitals_and_requests(shop):
    """Two users share a browser, and no cookie."""
    done = run(shop, """
    class Shopper(BrowserUser):
        requests = ("fetch",)
        async def on_start(self):
            assert self.page and self.browser_context
        @task
        async def shop(self):
            await self.page.goto("/", name="start")
            mine = await self.page.evaluate("document.cookie")
            await self.page.click("#buy")
            await self.page.wait_for_selector("#said:has-text('bought')")
            await self.page.wait_for_timeout(300)
            await self.page.click("text=Basket")
            await self.page.wait_for_selector("h1:has-text('Basket')")
            async with measure(self, "look again", "flow"):
                await self.page.goto("/cookie")
            assert await self.page.inner_text("body") == mine, (await self.page.inner_text("body"), mine)
            print("mine is", mine, file=sys.stderr)
    """)
    assert done.code == 0 and "/ERROR/" not in done.stderr, done.describe()
    assert len({line.rpartition("mine is ")[2] for line in done.stderr.splitlines() if "mine is" in line}) == 2, done.describe()
    rows = {name: (row["num_requests"], row["num_failures"]) for name, row in done.rows.items()}
    assert rows == {("PAGE", "start"): (2, 0), ("PAGE", "/basket"): (2, 0), ("PAGE", "/cookie"): (2, 0), ("FETCH", "GET /api/buy"): (2, 0),
                    ("flow", "look again"): (2, 0)}, rows
    assert all(row["min_response_time"] > 0 for row in done.rows.values())
    text = json.dumps(done.summary)
    assert all(f"browser_web_vital_{name}" in text for name in ("ttfb", "fcp", "lcp", "cls", "inp")), text[:3000]


def test_what_goes_wrong_with_a_page(shop):
    done = run(shop, f"""
    class Unlucky(BrowserUser):
        @task
        async def fail(self):
            await self.page.goto("/nowhere")
            await self.page.goto("/broken")
            try:
                await self.page.goto("http://127.0.0.1:{free_port()}/", name="refused")
            except Exception:
                pass
            await self.page.goto("/hang", name="late", timeout=300)
    """, "--exit-code-on-error", 0)
    assert done.code == 0 and "/ERROR/" not in done.stderr, done.describe()
    rows = {name: (row["num_requests"], row["num_failures"]) for name, row in done.rows.items()}
    assert rows == {("PAGE", "/nowhere"): (2, 2), ("PAGE", "/broken"): (2, 0), ("PAGE error", "/broken"): (2, 2), ("PAGE", "refused"): (2, 2),
                    ("PAGE", "late"): (2, 2)}, rows
    assert "HTTP 404" in done.stderr and "noSuchThing is not defined" in done.stderr and "ERR_CONNECTION_REFUSED" in done.stderr, done.describe()


def test_what_pages_write_to_their_console(shop):
    done = run(shop, """
    class Reader(BrowserUser):
        console = ("error",)
        @task
        async def read(self):
            await self.page.goto("/noisy")
            await self.page.wait_for_timeout(200)
    """, "--exit-code-on-error", 0)
    assert done.code == 0 and "/ERROR/" not in done.stderr, done.describe()
    rows = {name: (row["num_requests"], row["num_failures"]) for name, row in done.rows.items()}
    assert rows == {("PAGE", "/noisy"): (2, 0), ("PAGE console", "/noisy"): (2, 2)}, rows
    assert "error: no stock" in done.stderr and "old" not in done.stderr, done.describe()


def test_what_is_kept_of_failures(shop, tmp_path):
    """Of an iteration in which nothing failed, nothing; pictures of what it looked like, and the traffic of those iterations."""
    done = run(shop, f"""
    from locust import SequentialTaskSet
    class Shopper(BrowserUser):
        screenshots, hars = {str(tmp_path / "pictures")!r}, {str(tmp_path / "hars")!r}
        @task
        async def well(self):
            await self.page.goto("/basket")
        @task
        async def raises(self):
            await self.page.goto("/cookie")
            raise RuntimeError("the basket is empty")
        @task
        async def missing(self):
            await self.page.goto("/nowhere")
        @task
        class Tour(SequentialTaskSet):
            @task
            async def broken(self):
                await self.user.page.goto("/broken")
                await self.user.page.wait_for_timeout(100)
            @task
            def leave(self):
                self.interrupt()
        def on_start(self):  # one after the other
            self._taskset_instance.get_next_task = iter(self.tasks).__next__
    """, "-i", 5, "-u", 1, "--exit-code-on-error", 0)
    assert "the basket is empty" in done.stderr, done.describe()
    hars = {path.name.split("-")[3]: json.loads(path.read_text()) for path in (tmp_path / "hars").iterdir()}
    assert set(hars) == {"raises", "missing", "Tour"}, (list(hars), done.describe())
    seen = {name: {(entry["request"]["url"].removeprefix(shop), entry["response"]["status"]) for entry in har["log"]["entries"]} for name, har in hars.items()}
    assert ("/cookie", 200) in seen["raises"] and ("/nowhere", 404) in seen["missing"] and ("/broken", 200) in seen["Tour"], seen
    assert not any(url == "/basket" for urls in seen.values() for url, _ in urls), "of each iteration its own"
    pictures = {path.name.split("-")[3]: path for path in (tmp_path / "pictures").iterdir()}
    assert set(pictures) == {"raises", "PAGE_nowhere", "PAGE_error_broken"}, (list(pictures), done.describe())
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 1000 for path in pictures.values())
    assert all(str(path) in done.stderr for path in pictures.values()), done.describe()


def test_so_much_is_kept_and_no_more(shop, tmp_path):
    done = run(shop, f"""
    class Shopper(BrowserUser):
        screenshots = hars = {str(tmp_path / "kept")!r}
        evidence_most = 1
        @task
        async def missing(self):
            await self.page.goto("/nowhere")
    """, "-i", 4, "--exit-code-on-error", 0)
    assert sorted(path.suffix for path in (tmp_path / "kept").iterdir()) == [".har", ".png"], done.describe()


def test_pages_that_the_end_of_the_test_cuts_off(shop):
    done = run(shop, """
    import gevent
    sent = []
    class Waits(BrowserUser):
        @task
        async def wait(self):
            self.page.on("request", self.sent)
            await self.page.goto("/hang")
        def sent(self, request):
            sent.append(request)
            if len(sent) == 2:
                gevent.spawn(self.environment.runner.quit)
    """)
    assert done.code == 0 and "2 requests were cut off in flight" in done.stderr and not done.rows, done.describe()


@pytest.fixture
def elsewhere(tmp_path):
    """A Chromium of its own, and where it listens."""
    flags = ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--remote-debugging-port=0", f"--user-data-dir={tmp_path / 'profile'}"]
    with Process([BROWSER, *flags, "about:blank"]) as process:
        yield process, process.wait_line(r"DevTools listening on (ws://\S+)").group(1)


def test_a_browser_that_runs_elsewhere(shop, elsewhere):
    process, address = elsewhere
    by_http = "http://" + address.removeprefix("ws://").partition("/")[0]
    for endpoint in address, by_http:
        done = run(shop, f"""
        class Reader(BrowserUser):
            endpoint, executable = {endpoint!r}, "/no/such/browser"
            @task
            async def read(self):
                await self.page.goto("/", name="start")
                print("mine is", await self.page.evaluate("document.cookie"), file=sys.stderr)
        """)
        assert done.code == 0 and done.rows["PAGE", "start"]["num_requests"] == 2 and done.rows["PAGE", "start"]["num_failures"] == 0, done.describe()
        assert "browser_web_vital_ttfb" in json.dumps(done.summary)
        assert process.popen.poll() is None, "it goes on"
    done = run(shop, f"""
    class Reader(BrowserUser):
        endpoint = "http://127.0.0.1:{free_port()}"
        @task
        async def read(self):
            pass
    """)
    assert "The browser could not be reached" in done.stderr and "limit reached" not in done.stderr, done.describe()


@pytest.mark.parametrize(("text", "said"), [
    ("executable = '/no/such/browser'", "The browser could not be started"),
    ("browser_type = 'lynx'", "it is one of chromium, firefox, webkit"),
])
def test_a_browser_that_is_none(text, said, shop):
    done = run(shop, f"""
    class Shopper(BrowserUser):
        {text}
        @task
        async def look(self):
            pass
    """)
    assert said in done.stderr and "limit reached" not in done.stderr, done.describe()


def test_without_playwright(shop):
    done = run(shop, """
    class Shopper(BrowserUser):
        @task
        async def look(self):
            pass
    """, VIRTUAL_ENV="")
    assert "pip install playwright" in done.stderr and "limit reached" not in done.stderr, done.describe()


# ---- locust-plugins' own class, unchanged ----

PLAYWRIGHT_USERS = """
    import asyncio, gevent, time
    from katydid.aio import measure
    from locust import User, constant, events, task
    from locust_plugins.users.playwright import PlaywrightScriptUser, PlaywrightUser, event, pw

    class Shopper(PlaywrightUser):
        fixed_count, multiplier, wait_time = 1, 2, constant(0.1)

        @task
        @pw
        async def look(self, page):
            async with event(self, "start"):
                await page.goto("/")
            async with event(self, "buy"):
                await page.click_retry("#buy")
                await page.wait_for_selector("#said:has-text('bought')")

        @task
        @pw
        async def fail(self, page):
            async with event(self, "missing"):
                await page.goto("/basket")
                await page.wait_for_selector("#nowhere", timeout=200)
            raise RuntimeError("the basket is empty")

    class Recorded(PlaywrightScriptUser):
        fixed_count, wait_time = 1, constant(0.1)
        script = "recorded.py"

    class Awaits(User):
        fixed_count, wait_time = 1, constant(0.05)

        @task
        async def wait(self):
            async with measure(self, "side by side"):
                await asyncio.gather(asyncio.sleep(0.01), asyncio.sleep(0.02))

    class Sleeps(User):
        fixed_count, wait_time = 1, constant(0.05)

        @task
        def sleep(self):
            time.sleep(0.01)
            self.environment.events.request.fire(request_type="", name="sleep", response_time=10, response_length=0, exception=None, context={})

    WANTED = {"Shopper.look", "Shopper.fail", "recorded.py", "start", "buy", "missing", "side by side", "sleep"}
    seen = []

    @events.init.add_listener
    def init(environment, **_):
        init.environment = environment

    @events.request.add_listener
    def told(name, **_):
        seen.append(name)
        if min(map(seen.count, WANTED)) == 2:
            gevent.spawn(init.environment.runner.quit)
"""
RECORDED = """
import asyncio
from playwright.async_api import Playwright, async_playwright, expect


async def run(playwright: Playwright) -> None:
    browser = await playwright.chromium.launch(headless=False)
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto("URL/")
    await page.get_by_role("link", name="Basket").click()
    await page.wait_for_selector("h1:has-text('Basket')")

    # ---------------------
    await context.close()
    await browser.close()


async def main() -> None:
    async with async_playwright() as playwright:
        await run(playwright)


asyncio.run(main())
"""


@pytest.fixture
def browsers(tmp_path):
    """Where Playwright finds the browser that this machine has, as if it had installed it: the plug-in names no path."""
    env = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "browsers")}
    ask = "import playwright.sync_api as p\nwith p.sync_playwright() as it: print(it.chromium.executable_path)"
    path = Path(subprocess.run([BROWSER_PYTHON / "bin" / "python", "-c", ask], env=env, check=True, capture_output=True, text=True).stdout.strip())
    path.parent.mkdir(parents=True)
    path.symlink_to(BROWSER)
    return env["PLAYWRIGHT_BROWSERS_PATH"]


def test_playwright_users_of_locust_plugins(shop, browsers):
    """Beside coroutines on Katydid's own loop, and users without any."""
    packages, = (PLUGINS / "lib").glob("python3*/site-packages")
    with locustfile(PLAYWRIGHT_USERS) as path:
        (path.parent / "recorded.py").write_text(RECORDED.replace("URL", shop))
        done = run_katydid("-f", path, "--headless", "-H", shop, "-u", 4, "-r", 4, "-t", 100, "--json", "--exit-code-on-error", 0, cwd=path.parent,
                           env={"VIRTUAL_ENV": str(BROWSER_PYTHON), "PYTHONPATH": str(packages), "PLAYWRIGHT_BROWSERS_PATH": browsers, "TERM": "dumb"})
        pictures = list(path.parent.glob("screenshot_*.png"))
    assert done.code == 0 and "limit reached" not in done.stderr, done.describe()
    rows = {row["name"]: (row["method"], row["num_requests"], row["num_failures"]) for row in json.loads(done.stdout[done.stdout.index("["):])}
    for name, kind in {"Shopper.look": "TASK", "recorded.py": "TASK", "start": "event", "buy": "event", "side by side": "async", "sleep": ""}.items():
        assert rows[name][0] == kind and rows[name][1] >= 2 and rows[name][2] == 0, (name, rows, done.describe())
    for name in "Shopper.fail", "missing":
        assert rows[name][1] == rows[name][2] >= 2, (name, rows)
    assert "the basket is empty" in done.stderr and pictures, done.describe()
