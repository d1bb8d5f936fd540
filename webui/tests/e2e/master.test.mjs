/* The page over the real master and a real run, from the start form to a master that died. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { get, openBrowser, startServer, watch } from "./browser.mjs";
import { choose } from "./real.mjs";

const KATYDID = process.env.KATYDID_BIN ?? "../build/katydid";
const LOCUSTFILE = `
from locust import HttpUser, constant, task

class Shopper(HttpUser):
    wait_time = constant(0.1)

    @task(3)
    def index(self):
        self.client.get("/")

    @task
    def missing(self):
        self.client.get("/missing")
`;
const READY = /Starting web interface at (http:\/\/[^\s,]+)/;

let folder, target, browser, page, master, complaints;
let served = 0;

const startMaster = (port = 0) =>
  startServer(KATYDID, ["-f", join(folder, "locustfile.py"), "--web-port", String(port)], READY);
const json = async (path) => (await get(new URL(path, master.url))).json();
const tile = (name) => page.locator(".tile", { has: page.getByRole("heading", { name, exact: true }) }).locator(".tile-value");
const number = async (name) => Number((await tile(name).innerText()).replace(/[^0-9.]/g, ""));
const status = (word) => page.locator(".run-status .status", { hasText: word });

async function eventually(check, what, seconds = 90) {
  const until = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < until) {
    try {
      last = await check();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`waited ${seconds} s for ${what}; last: ${last}\n${master.output().slice(-2000)}`);
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "katydid-run-"));
  writeFileSync(join(folder, "locustfile.py"), LOCUSTFILE);
  target = createServer((request, response) => {
    served++;
    response.writeHead(request.url === "/" ? 200 : 404, { "Content-Type": "text/plain" });
    response.end("hello world\n");
  });
  await new Promise((resolve) => target.listen(0, "127.0.0.1", resolve));
  master = await startMaster();
  browser = await openBrowser();
  page = await browser.context.newPage();
  await page.route("**/api/v1/ping", (route) => route.fulfill({ json: { ok: false } })); // the target counts what it serves
  complaints = watch(page);
  await page.goto(master.url);
});

after(async () => {
  await browser?.close();
  await master?.stop("SIGKILL");
  target?.closeAllConnections();
  target?.close();
  rmSync(folder, { recursive: true, force: true });
});

test("the form says what is wrong, beside the field", async () => {
  const start = page.getByRole("button", { name: "Start", exact: true });
  await eventually(() => start.isEnabled(), "a ready load generator");
  await page.getByLabel("Users", { exact: true }).fill("many");
  await start.click();
  const field = page.locator(".field", { has: page.getByLabel("Users", { exact: true }) });
  await field.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel("Users", { exact: true }).getAttribute("aria-invalid"), "true");
});

test("a test starts from the form, and the numbers are those of the API", async () => {
  await page.getByLabel("Users", { exact: true }).fill("5");
  await page.getByLabel("Spawn rate").fill("5");
  await page.getByLabel("Host").fill(`http://127.0.0.1:${target.address().port}`);
  await page.getByLabel("Run time").fill("");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await status("running").waitFor({ timeout: 90_000 });
  await eventually(async () => (await number("Users")) === 5, "five users");
  await eventually(async () => (await number("Requests per second")) > 0, "some throughput");
  const api = await json("stats/requests");
  assert.equal(api.state, "running");
  assert.equal(api.user_count, 5);
  await eventually(async () => {
    const [shown, { current_rps: rate }] = [await number("Requests per second"), await json("stats/requests")];
    return rate > 0 && Math.abs(shown - rate) <= 0.3 * rate;
  }, "the rate that Locust's route tells");
  await eventually(async () => (await number("Failed")) > 5 && (await number("Failed")) < 60, "a quarter of the requests failed");
  await eventually(async () => (await page.locator(".chart canvas").count()) >= 3, "three charts");
});

test("the cursor of one chart is the cursor of all", async () => {
  await page.locator("#throughput-title").waitFor();
  await page.locator(".chart-box").first().hover();
  await eventually(async () => {
    const lines = await page.locator(".u-cursor-x").evaluateAll((all) => all.filter((line) => !line.classList.contains("u-off")).length);
    return lines >= 3;
  }, "three cursors");
});

test("endpoints and failures are listed", async () => {
  await page.locator(".nav").getByRole("link", { name: "Endpoints" }).click();
  await page.getByRole("gridcell", { name: "/missing" }).waitFor();
  assert.equal(await page.locator(".row.total .name").innerText(), "Aggregated");
  await page.getByLabel("Filter the endpoints").fill("failed>50%");
  await eventually(async () => (await page.locator(".grid-body .row").count()) === 1, "one row");
  await page.waitForFunction(() => /filter=failed/.test(location.hash));
  await page.getByLabel("Filter the endpoints").fill("");
  await page.getByLabel("Group by").selectOption("1");
  await page.getByText(/\d groups? /).waitFor();
  await page.getByRole("gridcell", { name: "/missing" }).waitFor();
  await page.getByLabel("Group by").selectOption("0");
  await page.locator(".nav").getByRole("link", { name: /Failures/ }).click();
  await page.locator("table.failures", { hasText: "/missing" }).waitFor();
  assert.match(await page.locator("table.failures .message").first().innerText(), /404/);
});

test("the workers screen shows the load generator", async () => {
  await page.locator(".nav").getByRole("link", { name: /Workers/ }).click();
  await eventually(async () => (await page.locator("table.workers tbody tr").count()) === 1, "one row");
  await page.getByRole("cell", { name: "Shopper" }).waitFor();
});

test("the load is edited while it runs", async () => {
  await page.getByRole("link", { name: "Live", exact: true }).click();
  await page.getByRole("button", { name: "Edit load" }).click();
  await page.getByLabel("Users", { exact: true }).fill("8");
  await page.getByRole("button", { name: "Change the load" }).click();
  await eventually(async () => (await number("Users")) === 8, "eight users");
  assert.equal((await json("stats/requests")).user_count, 8);
});

test("a reset starts the statistics again", async () => {
  const before = (await json("stats/requests")).stats.at(-1).num_requests;
  await choose(page, "Reset the statistics…");
  await page.getByRole("dialog").getByRole("button", { name: "Reset" }).click();
  await eventually(async () => (await json("stats/requests")).stats.at(-1).num_requests < before, "fewer requests");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("a master that is silent is shown as such, and caught up with", async () => {
  master.child.kill("SIGSTOP");
  await page.locator("#disconnected").waitFor({ timeout: 90_000 });
  assert.equal(await page.getByRole("button", { name: "Stop", exact: true }).isDisabled(), true);
  assert.ok((await number("Users")) === 8, "the numbers stay");
  assert.equal(await page.locator(".live-dot").count(), 0, "nothing is live");
  await page.waitForFunction(() => document.title === "no connection · Katydid");
  master.child.kill("SIGCONT");
  await page.locator("#disconnected").waitFor({ state: "detached", timeout: 90_000 });
  await eventually(async () => !(await page.getByRole("button", { name: "Stop", exact: true }).isDisabled()), "commands");
  await page.waitForFunction(() => document.title.startsWith("running"));
});

test("stop asks first, and the totals equal the target's", async () => {
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await status("running").waitFor();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Stop the test" }).click();
  await status("stopped").waitFor({ timeout: 90_000 });
  await eventually(async () => { // what was sent before the stop may still be read here
    const still = served;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return served === still;
  }, "no request after the stop");
});

test("a second test counts from zero and equals the target's count", async () => {
  served = 0;
  let answer;
  const typed = new Promise((resolve) => (answer = resolve));
  await page.route("**/api/v1/script", async (route) => { // what is told of the locustfile comes when the form is filled in
    await typed;
    await route.continue();
  });
  const told = page.waitForResponse("**/api/v1/script");
  await page.locator(".actions").getByRole("link", { name: "New test" }).click();
  await page.getByLabel("Users", { exact: true }).fill("4");
  await page.getByLabel("Run time").fill("3s");
  answer();
  await (await told).finished();
  await page.unroute("**/api/v1/script");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await eventually(async () => served > 0, "requests"); // from here on "stopped" is the end of this test, on the page once its users are
  await eventually(async () => (await json("stats/requests")).state === "stopped", "the end");
  await eventually(async () => (await number("Users")) === 4, "its users at the peak");
  await status("stopped").waitFor();
  const total = (await json("stats/requests")).stats.at(-1).num_requests;
  const cut = (await json("api/v1/live")).total[3];
  assert.equal(total + cut, served);
  assert.deepEqual(complaints, []);
});

test("a master that died is shown, and found again when it is back", async () => {
  const port = new URL(master.url).port;
  await master.stop("SIGKILL");
  await page.locator("#disconnected").waitFor({ timeout: 90_000 });
  await page.getByText("No data from the master").waitFor();
  await page.locator("#finished button:disabled", { hasText: "Report" }).waitFor(); // nobody would make it
  master = await startMaster(port);
  await page.getByRole("button", { name: "Retry now" }).click({ timeout: 5000 }).catch(() => undefined);
  await page.locator("#disconnected").waitFor({ state: "detached", timeout: 90_000 });
  await page.getByText("The master was restarted.").waitFor();
  assert.equal(await tile("Users").innerText(), "4", "the numbers of the last run stay");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save this run as a report" }).click();
  const path = join(folder, "last.html");
  await (await download).saveAs(path);
  const file = await browser.context.newPage();
  const shown = watch(file);
  await file.goto(`${pathToFileURL(path)}#/endpoints`);
  await file.getByRole("gridcell", { name: "/missing" }).waitFor();
  assert.deepEqual(shown, []);
  await file.close();
  await page.getByRole("button", { name: "Go to the new master" }).click();
  await page.getByRole("heading", { name: "Start a test" }).waitFor();
  assert.deepEqual(complaints, []);
});
