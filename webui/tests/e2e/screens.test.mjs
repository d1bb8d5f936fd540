/* New test, failures, workers, logs and extras over the real master and real runs. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { openBrowser, watch } from "./browser.mjs";
import { children, choose, eventually, startMaster, startTarget, troubles } from "./real.mjs";

const LOCUSTFILE = `
import logging
from locust import HttpUser, constant, events, task

@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--colour", choices=["red", "blue"], default="red", help="Colour of the shop")
    parser.add_argument("--depth", type=int, default=2, help="How deep to look")
    parser.add_argument("--password", is_secret=True, default="", help="Not shown")

@events.init.add_listener
def extend(environment, web_ui, **kwargs):
    if web_ui is None:
        return
    web_ui.template_args["extended_tabs"] = [{"title": "Cache hits", "key": "cache"}]
    web_ui.template_args["extended_tables"] = [{"key": "cache", "structure": [{"key": "name", "title": "Page"}, {"key": "hits", "title": "Hits"}]}]
    web_ui.template_args["extended_csv_files"] = [{"href": "/mine.csv", "title": "Save mine"}]

    @web_ui.app.route("/mine.csv")
    def mine():
        return "a,b"

    @web_ui.app.after_request
    def add(response):
        if response.is_json and b'"current_rps"' in response.data:
            data = response.get_json()
            data["extended_stats"] = [{"key": "cache", "data": [{"name": "/", "hits": 7}]}]
            response.set_data(__import__("json").dumps(data))
        return response

class Shopper(HttpUser):
    wait_time = constant(0.1)

    @task
    def index(self):
        self.client.get("/", headers={"Authorization": "Bearer verysecret"})
        self.client.get("/missing", name="/missing")
        logging.getLogger("shop").warning("looked around")
        if self.environment.parsed_options.depth == 3:
            raise KeyError("token")

class Reader(HttpUser):
    wait_time = constant(0.1)

    @task
    def read(self):
        self.client.get("/read")
`;

let browser, page, target, master, complaints, folder;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "katydid-screens-"));
  target = await startTarget((request, response) => {
    response.writeHead(request.url === "/missing" ? 404 : 200, { "Content-Type": "text/plain", "X-Shop": "yes" });
    response.end(request.url === "/missing" ? "no such page here" : "hello");
  });
  master = await startMaster(LOCUSTFILE, ["--processes", "2", "-H", target.url]);
  browser = await openBrowser();
  page = await browser.context.newPage();
  complaints = watch(page);
  await page.goto(`${master.url}/#/new`);
});
after(async () => {
  await browser?.close();
  await master?.stop("SIGKILL");
  target?.close();
  rmSync(folder, { recursive: true, force: true });
});

const users = () => page.getByLabel("Users", { exact: true });
const rail = (name) => page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name });

test("the server's word about a field stands beside it while the form is filled", async () => {
  await users().waitFor({ timeout: 90_000 });
  await page.getByText("2 workers are ready.").waitFor();
  await users().fill("many");
  await page.locator(".field", { has: users() }).getByRole("alert").waitFor();
  await users().fill("4");
  await page.locator(".field", { has: users() }).getByRole("alert").waitFor({ state: "detached" });
  await page.getByLabel("depth").fill("deep");
  await page.locator(".field", { has: page.getByLabel("depth") }).getByRole("alert").waitFor();
  await page.getByLabel("depth").fill("3");
  await page.locator(".field", { has: page.getByLabel("depth") }).getByRole("alert").waitFor({ state: "detached" });
});

test("options have fields of their type, and all of it is a command line", async () => {
  await page.getByLabel("colour").selectOption("blue");
  assert.equal(await page.getByLabel("password", { exact: true }).getAttribute("type"), "password");
  await page.getByLabel("Spawn rate").fill("4");
  await page.getByRole("checkbox", { name: /Reader/ }).uncheck();
  await page.getByText("As command line").click();
  const text = await page.locator(".command-line pre").innerText();
  for (const part of ["-u 4", "-r 4", "--colour blue", "--depth 3", "--headless Shopper"]) assert.ok(text.includes(part), `${part} in ${text}`);
});

test("a form is kept as a preset, brought back, and removed", async () => {
  await page.getByLabel("Name of the preset").fill("blue one");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByLabel("colour").selectOption("red");
  await page.getByRole("button", { name: "blue one", exact: true }).click();
  assert.equal(await page.getByLabel("colour").inputValue(), "blue");
  await page.getByRole("button", { name: "Remove preset blue one" }).click();
  await page.getByText("None yet in this browser.").waitFor();
});

test("one user is tried: request, answer, log and exception are shown", async () => {
  await page.getByLabel("Class to try").selectOption("Shopper");
  await page.getByRole("button", { name: "Try one user" }).click();
  const trial = page.locator(".trial");
  await trial.waitFor({ timeout: 90_000 });
  const text = await trial.innerText();
  assert.match(text, /KeyError: 'token'/);
  assert.match(text, /looked around/);
  await trial.locator("summary", { hasText: "/missing" }).click();
  await trial.getByText("no such page here").waitFor();
  assert.ok(!(await trial.innerText()).includes("verysecret"));
  assert.equal((await master.json("stats/requests")).stats.at(-1).num_requests, 0);
});

test("the new test is accessible and fits", async () => {
  assert.deepEqual(await troubles(page, "new test"), []);
});

test("the test starts with what was chosen", async () => {
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.locator(".run-status .status", { hasText: "running" }).waitFor({ timeout: 90_000 });
  await eventually(async () => (await master.json("stats/requests")).user_count === 4, "four users");
  const names = (await master.json("stats/requests")).stats.map((row) => row.name);
  assert.ok(!names.includes("/read"), String(names));
});

test("failures show the requests that failed, and a click selects their time", async () => {
  await rail(/Failures/).click();
  await page.locator("table.failures", { hasText: "/missing" }).waitFor();
  await page.getByRole("button", { name: "Samples of GET /missing" }).click();
  const samples = page.locator(".samples");
  await samples.getByText("no such page here").first().waitFor({ timeout: 90_000 });
  await samples.getByText("X-Shop").first().waitFor();
  await page.locator("#kinds-title").waitFor();
  await page.getByRole("group", { name: "Group by" }).getByRole("button", { name: "Worker" }).click();
  await eventually(async () => (await page.getByRole("region", { name: "Failures by worker" }).locator("tbody tr").count()) === 2, "two workers");
  await page.getByRole("group", { name: "Group by" }).getByRole("button", { name: "Cause" }).click();
  await page.locator("table.failures").getByTitle("Select this time").click();
  await page.locator(".range-chip").waitFor();
  await page.keyboard.press(".");
  await page.locator(".range-chip").waitFor({ state: "detached" });
});

test("exceptions have their traceback, in which the script stands out", async () => {
  await page.locator(".exceptions summary", { hasText: "token" }).first().click();
  assert.match(await page.locator(".trace-script").first().innerText(), /locustfile\.py/);
  assert.deepEqual(await troubles(page, "failures"), []);
});

test("logs of master and workers come live, are filtered, and a repeated line is one", async () => {
  await rail("Logs").click();
  const row = page.locator(".log-row", { hasText: "looked around" });
  await row.first().waitFor({ timeout: 90_000 });
  await page.getByLabel("Filter log lines").fill("/LOOKED a.ound/");
  await eventually(async () => (await page.locator(".log-row").count()) === (await row.count()), "only such lines");
  await page.getByLabel("Filter log lines").fill("nobody says this");
  await page.getByText("hidden by the filter").waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByLabel("From").selectOption("master");
  await page.locator(".log-row", { hasText: "Starting web interface" }).waitFor();
  await page.getByLabel("From").selectOption("");
  await row.first().click();
  await page.getByRole("region", { name: "The chosen line" }).getByText("looked around").waitFor();
  assert.deepEqual(await troubles(page, "logs"), []);
});

test("an endpoint shows the slowest of its requests", async () => {
  await page.goto(`${master.url}/#/endpoints`);
  await page.getByRole("gridcell", { name: "/", exact: true }).click();
  const slowest = page.locator(".drill-slowest");
  await slowest.locator("summary").first().click();
  await slowest.locator(".sample").first().waitFor({ timeout: 90_000 });
  await slowest.locator(".sample summary").first().click();
  await slowest.getByText("X-Shop").first().waitFor();
  await page.keyboard.press("Escape");
});

/** Saves the report by the dialog and opens the file. */
async function savedReport(decide) {
  await choose(page, "Save a report…");
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("link", { name: "Save" }).waitFor();
  await decide(dialog);
  const download = page.waitForEvent("download");
  await dialog.getByRole("link", { name: "Save" }).click();
  const path = join(folder, "report.html");
  await (await download).saveAs(path);
  assert.match((await download).suggestedFilename(), /^Katydid_.*_report\.html$/);
  await dialog.waitFor({ state: "detached" });
  const file = await browser.context.newPage();
  await file.goto(`${pathToFileURL(path)}#/failures`);
  await file.locator("table.failures", { hasText: "/missing" }).waitFor();
  return file;
}

test("a report is saved with what was chosen, and no more", async () => {
  const bare = await savedReport(async (dialog) => {
    assert.equal(await dialog.getByText("The whole run").count(), 0, "nothing is selected");
    assert.deepEqual(await troubles(page, "report dialog"), []);
  });
  assert.equal(await bare.getByRole("button", { name: /^Samples/ }).count(), 0);
  assert.equal(await bare.getByRole("link", { name: "Logs" }).count(), 0);
  await bare.close();
  const { started, now } = await master.json("api/v1/state");
  const [from, to] = [Math.floor(started), Math.floor(started + (now - started) / 2)];
  await page.evaluate(([a, b]) => (location.hash = `#/failures?range=${a}-${b}`), [from, to]);
  await page.locator(".range-chip").waitFor();
  const full = await savedReport(async (dialog) => {
    await dialog.getByRole("button", { pressed: true }).waitFor(); // the selection, as it is selected: one button, or this fails
    await dialog.getByLabel(/slow requests/).check();
    await dialog.getByLabel(/log lines/).check();
    await dialog.getByText("masked by their names only").waitFor();
  });
  await full.getByRole("button", { name: "Samples of GET /missing" }).click();
  await full.locator(".samples").getByText("no such page here").first().waitFor();
  assert.doesNotMatch(await full.content(), /verysecret/);
  await full.getByRole("link", { name: "Logs" }).click();
  await full.locator(".log-row", { hasText: "looked around" }).first().waitFor();
  await full.goto(`${full.url().split("#")[0]}#/endpoints`);
  await full.getByRole("gridcell", { name: "/", exact: true }).click();
  await full.locator(".drill-slowest summary").first().click();
  await full.locator(".drill-slowest .sample").first().waitFor();
  await full.close();
  await page.keyboard.press(".");
  await page.locator(".range-chip").waitFor({ state: "detached" });
});

test("what the locustfile adds has a screen", async () => {
  await rail("Extras").click();
  await page.getByRole("heading", { name: "Cache hits" }).waitFor();
  await page.getByRole("cell", { name: "7" }).waitFor();
  assert.equal(await (await fetch(await page.getByRole("link", { name: "Save mine" }).evaluate((link) => link.href))).text(), "a,b");
  assert.deepEqual(await troubles(page, "extras"), []);
});

test("a worker that was killed is shown as gone, and so are all", async () => {
  await rail(/Workers/).click();
  await eventually(async () => (await page.locator("table.workers tbody tr").count()) === 2, "two workers");
  await page.getByText(/The measurement is valid|Not valid for|not valid now|at the limit/).first().waitFor(); // this machine may be slow
  await page.locator("#worker-cpu-title").waitFor();
  const before = (await master.json("api/v1/workers")).workers.map(([id]) => id);
  for (const [killed, text] of [[1, "1 connected · 1 gone"], [2, "0 connected · 2 gone"]]) {
    const workers = await eventually(() => {
      const found = children(master.child.pid);
      return found.length === 4 - killed ? found : null;
    }, "a worker process");
    process.kill(workers.at(-1), "SIGKILL"); // the first of them runs the locustfile beside the master
    await page.getByText(text).waitFor({ timeout: 90_000 });
    assert.equal(await page.locator("table.workers tr.gone").count(), killed);
  }
  assert.equal(before.length, 2);
  await page.getByText("All workers are gone").waitFor();
  assert.deepEqual(await troubles(page, "workers"), []);
  assert.deepEqual(complaints, []);
});
