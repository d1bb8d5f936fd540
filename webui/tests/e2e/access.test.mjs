/* Every screen over the real master and a real run with failures, exceptions and a lost worker: what
 * axe finds serious, and what is wider than the page; in both themes, on a desk, a tablet and a phone. New
 * test, logs and extras are in screens.test.mjs, where they are filled. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { openBrowser, watch } from "./browser.mjs";
import { children, eventually, startMaster, startTarget, troubles } from "./real.mjs";

const LOCUSTFILE = `
from katydid import check
from katydid.metrics import Rate, Trend
from locust import HttpUser, constant, task

thresholds = {"http_req_duration": ["p(95)<60000"], "http_req_failed": ["rate<0.001"]}
cheap = Rate("cheap")
basket = Trend("basket", unit="EUR")

class Shopper(HttpUser):
    wait_time = constant(0.1)

    @task(5)
    def browse(self):
        with self.group("browse"):
            for page in range(30):
                self.client.get(f"/shelf-{page % 3}/item-{page}")

    @task
    def measure(self):
        with self.client.get("/shelf-0/item-0", catch_response=True) as answer:
            check(answer, {"says hello": lambda r: "hello" in r.text, "says goodbye": lambda r: "goodbye" in r.text})
        cheap.add(True)
        basket.add(-2.5, tags={"shop": "north"})

    @task
    def fail(self):
        self.client.get("/missing")
        with self.client.get("/price", catch_response=True) as answer:
            answer.failure("price 12.50 expected")
        self.client.get("http://127.0.0.1:9/nobody", name="/nobody")

    @task
    def stumble(self):
        raise KeyError("token")
`;
const LOGIN = `
from flask_login import UserMixin
from locust import HttpUser, events, task

class Nobody(HttpUser):
    @task
    def wait(self):
        pass

@events.init.add_listener
def guard(environment, web_ui, **kwargs):
    web_ui.login_manager.user_loader(lambda name: UserMixin())
    web_ui.app.config["SECRET_KEY"] = "of a test"
    web_ui.auth_args = {
        "username_password_callback": "/login_submit", "title": "Who is there?",
        "auth_providers": [{"label": "Hub", "callback_url": "/hub"}],
    }
`;

let browser, page, target, master, complaints, folder;
before(async () => {
  target = await startTarget((request, response) => {
    response.writeHead(request.url === "/missing" ? 404 : 200, { "Content-Type": "text/plain" });
    response.end("hello");
  });
  master = await startMaster(LOCUSTFILE, ["--processes", "2", "-H", target.url, "--autostart", "-u", "6", "-r", "6"]);
  browser = await openBrowser();
  page = await browser.context.newPage();
  complaints = watch(page);
  folder = mkdtempSync(join(tmpdir(), "katydid-access-"));
});
after(async () => {
  await browser?.close();
  await master?.stop("SIGKILL");
  target?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** Name, address, what is done until the screen is complete. */
const OF_THE_RUN = [
  ["live", "live", async (at) => at.locator("#heatmap-title").waitFor()],
  ["endpoints", "endpoints?sort=-p95", async (at) => at.locator(".grid-body .row").nth(10).waitFor()],
  ["groups", "endpoints?group=1", async (at) => at.locator(".grid-body .row", { hasText: "/shelf-0/*" }).waitFor()],
  ["drill-down", "endpoints?sort=name", async (at) => {
    await at.locator(".grid-body .row", { hasText: "/missing" }).click();
    await at.locator(".drill .chart canvas").first().waitFor();
    await at.locator(".drill-failures").waitFor();
  }],
  ["failures", "failures", async (at) => {
    await at.locator("table.failures", { hasText: "/missing" }).waitFor();
    await at.locator(".exceptions summary", { hasText: "token" }).first().click();
  }],
];
const JUDGED = [
  ["verdict", "verdict", async (at) => at.locator("table.gates tbody tr").nth(1).waitFor()],
  ["checks", "metrics?of=checks", async (at) => {
    await at.getByRole("button", { name: "says goodbye" }).click();
    await at.locator(".drill .chart canvas").nth(1).waitFor();
  }],
  ["groups", "metrics?of=groups", async (at) => at.getByRole("button", { name: "browse" }).waitFor()],
  ["metrics", "metrics?of=metrics", async (at) => at.getByRole("button", { name: "basket" }).waitFor()],
];
const CHANGED = ["thresholds being changed", "verdict", async (at) => {
  await at.getByRole("button", { name: "Change thresholds" }).click();
  await at.getByRole("combobox", { name: "Threshold 1" }).fill("p95 of goodby");
  await at.locator(".gate-line .note.error").waitFor();
}];
const SAMPLES = ["failures with samples", "failures", async (at) => {
  await at.getByRole("button", { name: "Samples of GET /missing" }).click();
  await at.locator(".sample-sides").first().waitFor();
}];

async function visit(at, url, [name, hash, act], where) {
  await at.goto(`${url}#/${hash}`);
  await act(at);
  return troubles(at, `${where}: ${name}`);
}

test("a run with failures, exceptions and a lost worker, screen by screen", async () => {
  await eventually(async () => (await master.json("api/v1/exceptions")).exceptions.length > 0, "an exception");
  await eventually(async () => (await master.json("api/v1/failures")).failures.length >= 3, "three kinds of failure");
  const lost = (await eventually(() => {
    const found = children(master.child.pid);
    return found.length >= 2 ? found : null;
  }, "the workers")).at(-1);
  process.kill(lost, "SIGKILL");
  await page.goto(`${master.url}/#/workers`);
  await page.getByText("1 connected · 1 gone").waitFor();
  const found = await troubles(page, "workers");
  for (const scene of [...OF_THE_RUN, ...JUDGED, CHANGED, SAMPLES]) found.push(...(await visit(page, `${master.url}/`, scene, "running")));
  assert.deepEqual(found, []);
});

test("a master that is silent, and a run that is over", async () => {
  await page.goto(`${master.url}/#/live`);
  await page.locator("#heatmap-title").waitFor();
  master.child.kill("SIGSTOP");
  await page.locator("#disconnected").waitFor();
  const found = await troubles(page, "disconnected");
  master.child.kill("SIGCONT");
  await page.locator("#disconnected").waitFor({ state: "detached" });
  await master.json("stop");
  await page.locator(".run-status .status", { hasText: "stopped" }).waitFor();
  found.push(...(await troubles(page, "stopped")));
  assert.deepEqual(found, []);
});

test("the report of the run, from a file", async () => {
  const path = join(folder, "report.html");
  writeFileSync(path, await master.text("api/v1/report?samples=1&logs=1"));
  const report = await browser.context.newPage();
  const said = watch(report);
  const found = [];
  for (const scene of [...OF_THE_RUN, ...JUDGED, SAMPLES, ["logs", "logs", async (at) => at.locator(".log-row").first().waitFor()], ["workers", "workers", async (at) => at.locator("#workers-title, table.workers").first().waitFor()]])
    found.push(...(await visit(report, pathToFileURL(path).href, scene, "report")));
  assert.deepEqual(found, []);
  assert.deepEqual([...said, ...complaints], []);
  await report.close();
});

test("the login page", async () => {
  const guarded = await startMaster(LOGIN, ["--web-login"]);
  try {
    const login = await browser.context.newPage();
    await login.goto(`${guarded.url}/`);
    await login.getByRole("heading", { name: "Who is there?" }).waitFor();
    assert.deepEqual(await troubles(login, "login"), []);
    await login.close();
  } finally {
    await guarded.stop("SIGKILL");
  }
});
