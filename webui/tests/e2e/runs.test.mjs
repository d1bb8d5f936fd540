/* Stored runs on the page of a real master: found, noted, pinned, deleted, opened in the same page, compared, and seen over time. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { openBrowser, watch } from "./browser.mjs";
import { eventually, startMaster, troubles } from "./real.mjs";

const KATYDID = process.env.KATYDID_BIN ?? "../build/katydid";
const LOCUSTFILE = `
import logging
from katydid.metrics import Trend
from locust import User, constant, task

size = Trend("basket_size")

class Visitor(User):
    wait_time = constant(0.05)

    @task
    def look(self):
        size.add(7)
        logging.warning("looked around")
        for name, error in (("/look", None), ("/pay", ValueError("no money"))):
            self.environment.events.request.fire(request_type="GET", name=name, response_time=12, response_length=3, exception=error, context={})
`;

let browser, page, master, complaints, folder;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "katydid-runs-"));
  const path = join(folder, "shop.py");
  writeFileSync(path, LOCUSTFILE);
  const run = (...more) => promisify(execFile)(KATYDID, ["-f", path, "--headless", "-u", "2", "-t", "3", "--history", join(folder, "h"), ...more]).catch((error) => assert.equal(error.code, 1, error.stderr)); // 1: requests failed
  await Promise.all([run("--tag", "build=1"), run("--note", "with the new cache", "--exit-code-on-error", "0")]);
  master = await startMaster(LOCUSTFILE, ["--history", join(folder, "h")]);
  browser = await openBrowser();
  page = await browser.context.newPage();
  complaints = watch(page);
  await page.goto(`${master.url}/#/runs`);
});
after(async () => {
  await browser?.close();
  await master?.stop("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const rows = () => page.getByRole("region", { name: "Table: stored runs" }).locator("tbody tr");
const shows = (n) => eventually(async () => (await rows().count()) === n, `${n} runs in the list`);
const act = async (row, item) => {
  await row.getByRole("button", { name: /^Actions/ }).click();
  await page.getByRole("menuitem", { name: item }).click();
};

test("runs are found by what is known of them", async () => {
  await shows(2);
  await page.getByRole("searchbox", { name: "Filter the runs" }).fill("New cache");
  await shows(1);
  assert.match(await rows().first().textContent(), /with the new cache/);
  assert.match(page.url(), /text=New\+cache/);
  await page.getByRole("combobox", { name: "Result" }).selectOption("running");
  await page.getByText("No stored run fits these filters.").waitFor();
  await page.goto(`${master.url}/#/runs`);
  await shows(2);
});

test("a run is noted and pinned; one that is pinned cannot be deleted", async () => {
  const row = rows().filter({ hasText: "build=1" });
  await act(row, "Write a note…");
  await page.getByRole("dialog").getByLabel("Note").fill("<i>before</i> the cache");
  await page.keyboard.press("Enter");
  await row.getByText("<i>before</i> the cache").waitFor();
  await act(row, "Pin…");
  await page.getByRole("dialog").getByLabel("Name").fill("base");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await row.getByText("base", { exact: true }).waitFor();
  await row.getByRole("button", { name: /^Actions/ }).click();
  assert.ok(await page.getByRole("menuitem", { name: /^Delete/ }).isDisabled());
  await page.keyboard.press("Escape");
  assert.deepEqual(await troubles(page, "runs"), []);
});

test("a stored run opens in the same page", async () => {
  const { runs } = await master.json("api/v1/runs?tag=build=1");
  await rows().filter({ hasText: "build=1" }).getByRole("link").first().click();
  await page.getByText("Stored run", { exact: false }).first().waitFor();
  assert.ok(page.url().includes(`stored=${runs[0].id}`), page.url());
  await page.getByRole("link", { name: "Endpoints" }).click();
  await page.getByRole("grid").getByText("/pay").first().waitFor();
  const strip = page.getByRole("slider", { name: "Selected range of the run" });
  await strip.focus();
  await page.keyboard.press("Shift+ArrowLeft");
  await page.getByRole("button", { name: "Whole run" }).waitFor(); // a range of it, by its seconds
  await page.getByRole("button", { name: "Whole run" }).click();
  assert.equal(await page.getByRole("link", { name: "New test" }).count(), 0);
  assert.deepEqual(await troubles(page, "stored run"), []);
  await page.getByRole("link", { name: "Failures" }).click();
  await page.getByText("no money").first().waitFor();
  await page.getByRole("link", { name: "Metrics" }).click(); // what is stored besides figures
  await page.getByText("basket_size").first().waitFor();
  await page.getByRole("link", { name: "Logs" }).click();
  await page.getByText("looked around").first().waitFor();
  assert.deepEqual(await troubles(page, "stored run's lines"), []);
  await page.getByRole("link", { name: "Workers" }).click();
  await page.getByRole("columnheader", { name: "Most CPU" }).waitFor(); // of all of it: nothing of a stored run is now
  assert.equal(await page.locator("table.workers", { hasText: "now" }).count(), 0);
  await page.getByRole("link", { name: "Back to now" }).click();
  await page.getByRole("heading", { name: "Start a test" }).waitFor();
  assert.ok(!page.url().includes("stored="), page.url());
});

test("an id that is none says so", async () => {
  await page.goto(`${master.url}/?stored=01ARZ3NDEKTSV4RRFFQ69G5FAV#/live`);
  await page.getByText("This stored run cannot be shown:").waitFor();
  complaints.length = 0; // the browser's own word about 404
});

test("runs are compared", async () => {
  await page.goto(`${master.url}/#/runs`);
  await shows(2);
  const compare = page.getByRole("button", { name: /^Compare/ });
  assert.ok(await compare.isDisabled());
  for (const row of await rows().all()) await row.getByRole("checkbox").check();
  await compare.click();
  await page.getByRole("heading", { name: "What changed" }).waitFor();
  await page.getByText("A and B are not judged:").waitFor(); // three seconds say nothing
  await page.getByRole("img", { name: /^Percentile curves: A at most .* B at most/ }).waitFor();
  await page.getByRole("region", { name: "Table: endpoints of both runs" }).getByText("/pay").waitFor();
  const first = () => page.getByRole("list", { name: "Runs that are compared" }).getByRole("listitem").first().textContent();
  const before = await first();
  await page.getByRole("button", { name: "Make it the reference" }).click();
  await eventually(async () => (await first()) !== before, "the other run as the reference");
  await page.getByRole("heading", { name: "What changed" }).waitFor();
  assert.deepEqual(await troubles(page, "compare"), []);
});

test("a figure is seen over the runs", async () => {
  await page.goto(`${master.url}/#/runs`);
  await shows(2);
  await page.getByRole("button", { name: "Trend" }).click();
  await page.getByText("There are too few runs to tell whether the level has changed.").waitFor();
  await page.getByRole("combobox", { name: "Figure" }).selectOption("rps");
  await page.getByRole("heading", { name: /^Requests\/s over the runs/ }).waitFor();
  const { points } = await master.json("api/v1/trend?metric=rps&profile=");
  assert.ok(points.length === 2 && points.every(({ steady }) => steady.low < steady.value && steady.value < steady.high), JSON.stringify(points));
  await page.getByText("band: 95 % intervals", { exact: true }).waitFor();
  await page.getByRole("img", { name: /^Requests\/s over the runs/ }).press("End");
  const { low } = points[1].steady; // of which the page shows three digits
  await page.getByText(new RegExp(`/s \\[(${Math.floor(low)}|${Math.ceil(low)}).*/s – .*/s\\]$`)).waitFor();
  assert.deepEqual(await troubles(page, "trend"), []);
});

test("a run is deleted when somebody says so twice", async () => {
  await page.goto(`${master.url}/#/runs`);
  await shows(2);
  const row = rows().filter({ hasText: "with the new cache" });
  await act(row, "Delete…");
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await shows(2);
  await act(row, "Delete…");
  await page.getByRole("dialog").getByRole("button", { name: "Delete the run" }).click();
  await shows(1);
  assert.equal((await master.json("api/v1/runs")).total, 1);
  assert.deepEqual(complaints, []);
});

test("a run of arrivals has the users that there were, and what it started", async () => {
  const path = join(folder, "shop.py");
  await promisify(execFile)(KATYDID, ["-f", path, "--headless", "-t", "3", "--rate", "5/s", "--history", join(folder, "h"), "--tag", "kind=arrivals"]).catch((error) => assert.equal(error.code, 1, error.stderr));
  const { runs } = await master.json("api/v1/runs?tag=kind=arrivals");
  await page.goto(`${master.url}/#/runs?text=arrivals`);
  await rows().filter({ hasText: "kind=arrivals" }).waitFor();
  await shows(1);
  const cell = await rows().first().locator("td[data-label=Users]").textContent();
  assert.equal(cell, `${runs[0].users_most}${runs[0].iterations.started} iterations`);
  assert.ok(runs[0].users_most > 0 && runs[0].iterations.started > 0, JSON.stringify(runs[0]));
  assert.deepEqual(await troubles(page, "arrivals"), []);
});
