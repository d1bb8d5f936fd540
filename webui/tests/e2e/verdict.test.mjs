/* Thresholds, checks, groups and metrics on the page over the real master: the examples of locustfiles/ that have them, from
 * the form of a new test to the report. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { HERE, openBrowser, startServer, watch } from "./browser.mjs";
import { eventually, startMaster } from "./real.mjs";

const EXAMPLES = join(HERE, "../../../locustfiles");
const example = (name) => readFileSync(join(EXAMPLES, name), "utf8");
/* Both in one test: its users, and a check that does not hold. */
const LOCUSTFILE = `${example("gates.py").replaceAll("class Shopper", "class Looker")}
${example("checks_and_metrics.py").replace(/^"""[\s\S]*?"""/, "").replace('check.that("price is a price"', 'check.that("price is odd", False)\n        check.that("price is a price"')}`;

let browser, page, shop, master, complaints, folder;
before(async () => {
  shop = await startServer("/usr/bin/python3", [join(EXAMPLES, "_shop.py"), "--port", "0", "--delay-ms", "1"], /(http:\/\/[\d.]+:\d+)/);
  master = await startMaster(LOCUSTFILE, ["-H", shop.url, "--series-tags", "tier"]);
  browser = await openBrowser();
  page = await browser.context.newPage();
  complaints = watch(page);
  folder = mkdtempSync(join(tmpdir(), "katydid-verdict-"));
});
after(async () => {
  await browser?.close();
  await master?.stop("SIGKILL");
  await shop?.stop("SIGKILL");
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const line = (at, number) => at.getByRole("combobox", { name: `Threshold ${number}` });
const gate = (at, text) => at.locator("table.gates tbody tr", { hasText: text });
const chip = (at, text) => at.locator("#verdict .gate-chip", { hasText: text });

test("a threshold is written in the form, with the parser's own words", async () => {
  await page.goto(`${master.url}/#/new`);
  await line(page, 1).fill("pp95 < 300ms");
  await page.locator(".gate-line .note.error", { hasText: "did you mean p95?" }).waitFor();
  assert.match(await page.locator(".gate-line .note.error").innerText(), /Column 1/);
  await line(page, 1).fill("count of 'GET /api/products' ");
  await page.getByRole("option", { name: /> 1000/ }).waitFor();
  await line(page, 1).fill("never: p95 < 0.001ms");
  await page.locator(".gate-line .note", { hasText: "p95 of all requests <" }).waitFor();
  await page.getByLabel("Users", { exact: true }).fill("6");
  await page.getByLabel("Spawn rate").fill("6");
  const start = page.getByRole("button", { name: "Start", exact: true });
  await eventually(() => start.isEnabled(), "a ready load generator");
  await start.click();
  await page.locator(".run-status .status", { hasText: "running" }).waitFor();
});

test("what is broken is said everywhere: state bar, rail, title, events", async () => {
  await chip(page, "never").waitFor();
  await page.getByRole("link", { name: /Verdict .*broken|Verdict/ }).locator(".badge.fail").waitFor();
  await eventually(async () => (await page.title()).startsWith("✕ failing"), "the title");
  await page.locator(".events", { hasText: "THRESHOLD fail never" }).waitFor();
  await page.getByRole("img", { name: /Response time.*limit never: p95 < 0.001 ms, broken/ }).waitFor();
});

test("the verdict has each threshold as the API has it", async () => {
  await page.getByRole("link", { name: /^Verdict/ }).click();
  await page.getByRole("heading", { name: "failing" }).waitFor();
  await gate(page, "never").locator(".status", { hasText: "fail" }).waitFor();
  await gate(page, "http_req_duration p(95)<500").waitFor();
  const { thresholds } = await master.json("api/v1/verdict");
  assert.equal(await page.locator("table.gates tbody tr").count(), thresholds.length);
  await gate(page, "product").getByRole("link", { name: "the endpoint" }).click();
  await page.locator("#drill-title", { hasText: "/api/products/[id]" }).waitFor();
  await page.getByRole("img", { name: /limit product: p95 < 400 ms/ }).waitFor();
});

test("thresholds are changed while the test runs", async () => {
  await page.goto(`${master.url}/#/verdict`);
  await page.getByRole("button", { name: "Change thresholds" }).click();
  assert.equal(await line(page, 1).inputValue(), "never: p95 < 0.001ms");
  await line(page, 1).fill("always: p95 < 100s");
  await page.locator(".gate-line .note", { hasText: "p95 of all requests <" }).waitFor();
  await page.getByRole("button", { name: "Judge by these" }).click();
  await gate(page, "always").locator(".status", { hasText: "pass" }).waitFor();
  assert.equal(await gate(page, "never").count(), 0);
});

/** The limit of the threshold that the page set, as the master has it. */
const limitNow = async () => (await master.json("api/v1/verdict")).thresholds.find(({ name }) => name === "always").limit;

test("a limit of the page is moved in its chart, by keys and by dragging, as an edit", async () => {
  await page.goto(`${master.url}/#/live`);
  const grip = page.getByRole("slider", { name: "Limit of p95, all requests" });
  const began = Date.now();
  await grip.press("ArrowDown");
  await grip.press("ArrowDown");
  await grip.press("Escape");
  const isInTime = Date.now() - began < 600; // it is sent by itself after 700 ms
  await page.locator(".limit-moved").waitFor({ state: "detached" });
  if (isInTime) assert.equal(await limitNow(), 100_000, "Escape leaves it where it was");
  await eventually(async () => {
    await grip.press("ArrowUp");
    await grip.press("Enter");
    return (await limitNow()) > 100_000;
  }, "a higher limit");
  await page.goto(`${master.url}/#/verdict`);
  await page.getByRole("button", { name: "Change thresholds" }).click();
  await line(page, 1).fill("always: p95 < 20ms");
  await page.locator(".gate-line .note", { hasText: "p95 of all requests <" }).waitFor();
  await page.getByRole("button", { name: "Judge by these" }).click();
  await eventually(async () => (await limitNow()) === 20, "a limit in the chart");
  await page.goto(`${master.url}/#/live`);
  await page.getByRole("img", { name: /Response time.*limit always: p95 < 20 ms/ }).waitFor();
  await grip.scrollIntoViewIfNeeded();
  await eventually(async () => {
    const from = await grip.boundingBox();
    const plot = await page.locator("section:has(#latency-title) .u-over").boundingBox();
    await page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
    await page.mouse.down();
    await page.mouse.move(from.x, plot.y + plot.height * 0.3);
    await page.locator(".limit-moved").waitFor({ timeout: 5000 });
    await page.mouse.move(from.x, plot.y + plot.height * 0.5, { steps: 3 });
    await page.mouse.up();
    return eventually(async () => (await limitNow()) !== 20, "the dragged limit", 10);
  }, "a drag");
  assert.equal(page.url().includes("range="), false, "to drag a limit selects no range");
  await page.goto(`${master.url}/#/verdict`);
  await gate(page, "always").waitFor();
});

async function checks(at, url) {
  await at.goto(`${url}#/metrics?of=checks`);
  await at.getByRole("button", { name: "price is odd" }).click();
  await at.locator(".drill canvas").nth(1).waitFor();
  await at.locator(".drill-facts .warm", { hasText: "failed first – last" }).waitFor();
}

test("checks, groups, metrics and tags have tables and courses", async () => {
  await checks(page, `${master.url}/`);
  await page.goto(`${master.url}/#/metrics?of=groups`);
  await page.getByRole("button", { name: "checkout / basket" }).click();
  await page.locator("#metric-value-title", { hasText: "Time" }).waitFor();
  await page.getByRole("button", { name: "Custom metrics" }).click();
  await page.getByRole("button", { name: "spent" }).waitFor();
  await page.getByLabel("Filter by name and tags").fill("basket first:");
  await eventually(async () => (await page.locator("table.counted-list tbody tr").count()) > 0 && (await page.getByRole("button", { name: "spent" }).count()) === 0, "only baskets");
  await page.getByRole("button", { name: "Requests by tags" }).click();
  await page.locator("table.counted-list", { hasText: "tier" }).waitFor();
});

test("a range recomputes the tables", async () => {
  const odd = (list) => list.series.find(({ metric, tags }) => metric === "checks" && tags.check === "price is odd");
  const from = Math.floor(odd(await master.json("api/v1/metrics")).first); // something was counted in that second
  await eventually(async () => (await master.json("api/v1/verdict")).until > from + 12, "some seconds more"); // then no report of those two is late
  const count = async () => odd(await master.json(`api/v1/metrics?from=${from}&to=${from + 2}`)).fails;
  await page.goto(`${master.url}/#/metrics?of=checks&range=${from}-${from + 2}`);
  const row = page.locator("table.counted-list tr.counted", { hasText: "price is odd" });
  await eventually(async () => (await row.locator("td[data-label=Failed]").innerText()).replaceAll(",", "") === String(await count()), "the failures of the range");
});

test("the end says how it stands, and the report has all of it", async () => {
  await page.goto(`${master.url}/#/live`);
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Stop the test" }).click();
  await page.locator(".run-status .status", { hasText: "stopped" }).waitFor();
  const judged = await eventually(async () => {
    const now = await master.json("api/v1/verdict");
    return now.over ? now : null;
  }, "the last word");
  const word = judged.failed > 0 ? "failed" : "passed";
  await page.locator("#verdict .verdict-word", { hasText: word }).waitFor();
  const path = join(folder, "report.html");
  writeFileSync(path, await master.text("api/v1/report"));
  const url = pathToFileURL(path).href;
  const report = await browser.context.newPage();
  const said = watch(report);
  await report.goto(`${url}#/verdict`);
  await report.getByRole("heading", { name: word }).waitFor();
  await gate(report, "always").waitFor();
  await checks(report, url);
  await report.close();
  assert.deepEqual([...said, ...complaints], []);
});
