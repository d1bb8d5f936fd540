/* Two stored runs that are long enough to be judged, side by side: how well their curves are known is drawn, said, and is what the master counts. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openBrowser, watch } from "./browser.mjs";
import { eventually, startMaster, troubles } from "./real.mjs";

const KATYDID = process.env.KATYDID_BIN ?? "../build/katydid";
const GOLDEN = fileURLToPath(new URL("../../../tests/unit/golden/runs/", import.meta.url));
const LOCUSTFILE = `
from locust import User, constant, task

class Visitor(User):
    wait_time = constant(1)

    @task
    def look(self):
        pass
`;

let browser, page, master, complaints, folder, ids;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "katydid-compared-"));
  const files = ["older.kdrun", "now.kdrun"].map((name) => join(GOLDEN, name));
  ids = (await promisify(execFile)(KATYDID, ["runs", "import", ...files, "--history", folder])).stdout.trim().split("\n");
  master = await startMaster(LOCUSTFILE, ["--history", folder]);
  browser = await openBrowser();
  page = await browser.context.newPage();
  complaints = watch(page);
  await page.goto(`${master.url}/#/runs?compare=${ids.join()}`);
  await page.getByRole("heading", { name: "What changed" }).waitFor();
});
after(async () => {
  await browser?.close();
  await master?.stop("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const chart = (title) => page.getByRole("img", { name: new RegExp(`^${title}: `) });
const panel = (title) => page.locator("section, figure, article").filter({ has: chart(title) }).last();

/** Pixels of a band: as much seen through as one of them is. */
const inBands = (title) => chart(title).locator("canvas").evaluate((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value === 0x2e).length;
});

const digits = (text) => [...text.matchAll(/[−+]?[\d.,]+/g)].map(([number]) => Number(number.replace("−", "-").replace(",", "")));

test("both curves have a band each, and so has their change", async () => {
  assert.equal(await page.getByText("are not judged").count(), 0);
  await panel("Percentile curves").getByText("bands: 95 % intervals", { exact: true }).waitFor();
  await panel("Change per percentile").getByText("band: 95 % intervals", { exact: true }).waitFor();
  await eventually(async () => (await inBands("Percentile curves")) > 50, "bands of the curves, some pixels high"); // they are known to 1 %
  await eventually(async () => (await inBands("Change per percentile")) > 5000, "the band of the change"); // to 15 %
  assert.deepEqual(await troubles(page, "bands"), []);
});

test("the interval at the pointer is the master's", async () => {
  const { curve } = await master.json(`api/v1/compare?a=${ids[0]}&b=${ids[1]}`);
  const index = curve.findIndex(([share]) => share >= 0.5);
  const [, ...point] = curve[index];
  for (const [title, expected] of [["Percentile curves", point.slice(0, 6)], ["Change per percentile", point.slice(6).map((ratio) => 100 * (ratio - 1))]]) {
    await chart(title).press("Home");
    for (let i = 0; i < index; i++) await chart(title).press("ArrowRight");
    const values = panel(title).locator(".legend-value");
    await eventually(async () => (await values.allTextContents()).every((text) => /\[.+ – .+\]/.test(text)), `intervals beside the values of ${title}`);
    const shown = (await values.allTextContents()).flatMap(digits);
    assert.equal(shown.length, expected.length, `${shown}`);
    shown.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= Math.max(1, 0.02 * Math.abs(expected[i])), `${title}: ${shown} is not ${expected}`));
  }
  assert.deepEqual(complaints, []);
});

test("a figure is said with its interval and its answer", async () => {
  const row = page.getByRole("region", { name: "Table: changes with intervals" }).locator("tbody tr").filter({ hasText: "All requests" }).filter({ hasText: "p95" });
  assert.match(await row.textContent(), /\d+ ms \(\+3\d % \[\+\d+ %, \+\d+ %\]\) ✕ worse/);
});
