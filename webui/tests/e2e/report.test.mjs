/* The report: the same page as one file, from a file address, without a network. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { HERE, openBrowser, watch } from "./browser.mjs";
import { FakeRun } from "./fake-master.mjs";

const DIST = process.env.KATYDID_DIST ?? join(HERE, "../../dist");
const SHELL_MOST = 350_000;
const WINDOWS = 20;
const STEP = 15;

/** A sparse histogram around `us`: buckets of the report's rule with 7 sub-bits. */
function histogram(us, count) {
  const bucket = (value) => {
    let octave = 0;
    while (value >= 256 * 2 ** octave) octave++;
    return octave === 0 ? Math.floor(value) : 128 * (octave + 1) + Math.floor(value / 2 ** octave) - 128;
  };
  const at = [...new Set([0.5, 0.8, 1, 1.4, 3].map((factor) => bucket(us * factor)))].sort((a, b) => a - b);
  const share = [0.1, 0.3, 0.3, 0.25, 0.05];
  let before = -1;
  return at.flatMap((b, i) => {
    const gap = b - before - 1;
    before = b;
    return [gap, Math.max(1, Math.round(count * share[i]))];
  });
}

const counted = (hist) => hist.filter((_, i) => i % 2 === 1).reduce((a, b) => a + b, 0);

function row(from, to, id, us, wanted) {
  const hist = histogram(us, wanted);
  const count = counted(hist);
  const failed = Math.floor(count * 0.02);
  return [from, to, id, count, failed, count * us, hist, null, us * 0.5, us * 3.1, 0, 0, count * 900, 0, 0, count - failed, 0, 0, failed, count * 300, count * 1200, count, 0, 0, count * 100, 0, count * 50, count * us * 0.8, count * us * 0.1];
}

function reportOf(run, { isBroken = false } = {}) {
  const start = run.started;
  const windows = [];
  for (let id = 0; id <= run.rows; id++)
    for (let i = 0; i < WINDOWS; i++) windows.push(row(start + i * STEP, start + (i + 1) * STEP, id, 5000 * (id + 1) * (i === 12 ? 6 : 1), 100 * (i + 1)));
  const whole = Array.from({ length: run.rows + 1 }, (_, id) => row(start, start + WINDOWS * STEP, id, 5000 * (id + 1), 100 * WINDOWS * 10));
  run.state = "stopped";
  return {
    version: isBroken ? 99 : 1, made_at: run.now, from: start, to: start + WINDOWS * STEP, hist_rule: { sub_bits: 7 }, hello: run.hello(), tick: run.tickMessage(true),
    series: { step: 1, columns: [], points: run.series(start, start + WINDOWS * STEP, 1, 0).points },
    rows_run: { columns: [], rows: whole }, rows_windows: { step: STEP, columns: [], rows: windows },
    failures: run.failures(start, run.now).failures, failures_windows: { step: STEP, columns: [], rows: [[start, start + STEP, 1, 7]] },
    exceptions: [], workers_series: { step: STEP, columns: [], points: [] }, events: run.events, saturated: [], script: null,
  };
}

function fileOf(report) {
  const asset = (suffix) => readFileSync(join(DIST, "assets", readdirSync(join(DIST, "assets")).find((name) => name.startsWith("report-") && name.endsWith(suffix))), "utf8");
  const [script, style] = [asset(".js"), asset(".css")];
  const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  const data = report === null ? "" : gzipSync(JSON.stringify(report)).toString("base64");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; img-src data:">
<title>Katydid report</title><style>${style}</style></head><body><div id="app"></div><script type="application/x-katydid-report" id="katydid-report">${data}</script><script type="module">${script}</script></body></html>`;
}

let browser, folder;
before(async () => {
  browser = await openBrowser();
  folder = mkdtempSync(join(tmpdir(), "katydid-report-"));
});
after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(report, hash, use) {
  const path = join(folder, "report.html");
  writeFileSync(path, fileOf(report));
  const page = await browser.context.newPage();
  const complaints = watch(page);
  const requests = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(`${pathToFileURL(path)}${hash}`);
  try {
    await use(page);
    assert.deepEqual(complaints, []);
    assert.deepEqual(requests.filter((url) => !url.startsWith("file:") && !url.startsWith("data:") && !url.startsWith("blob:")), []);
  } finally {
    await page.close();
  }
}

const recorded = () => new FakeRun({ rows: 6, seconds: WINDOWS * STEP });
const total = (page, column) => page.locator(`.row.total .${column}`).innerText();

test("the shell is small", () => assert.ok(fileOf(null).length < SHELL_MOST, String(fileOf(null).length)));

test("a recorded run has its screens, no commands, and asks nothing of any network", async () => {
  await open(reportOf(recorded()), "#/live", async (page) => {
    await page.getByText("Recorded run").waitFor();
    await page.locator(".chart canvas").nth(3).waitFor();
    assert.equal(await page.getByRole("button", { name: /Stop|Edit|Reset|Marker|New test/ }).count(), 0);
    await page.locator(".nav").getByRole("link", { name: /Failures/ }).click();
    await page.locator("table.failures td").first().waitFor();
    await page.locator(".nav").getByRole("link", { name: "Endpoints" }).click();
    await page.locator(".grid-body .row").nth(5).waitFor();
  });
});

test("a selection recomputes the table and the drill-down in the page", async () => {
  const run = recorded();
  const report = reportOf(run);
  const [from, to] = [run.started + 12 * STEP, run.started + 13 * STEP];
  await open(report, "#/endpoints", async (page) => {
    await page.locator(".grid-body .row").first().waitFor();
    const before = await total(page, "p95");
    const wanted = report.rows_windows.rows.find((candidate) => candidate[2] === 0 && candidate[0] === from);
    await page.evaluate(([a, b]) => (location.hash = `#/endpoints?range=${a}-${b}`), [from, to]);
    await page.locator(".range-chip").waitFor();
    await page.waitForFunction((count) => document.querySelector(".row.total .requests").textContent.replaceAll(",", "") === String(count), wanted[3]);
    assert.notEqual(await total(page, "p95"), before);
    await page.locator(".grid-body .row").first().click();
    await page.locator(".drill canvas").nth(3).waitFor();
    await page.getByLabel("Group by").selectOption("1");
    await page.getByRole("button", { name: "Whole run" }).click();
    await page.locator(".range-chip").waitFor({ state: "detached" });
  });
});

test("a report of another version says so", async () => {
  await open(reportOf(recorded(), { isBroken: true }), "", async (page) => {
    await page.getByText("This report cannot be shown").waitFor();
  });
});
