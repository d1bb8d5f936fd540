/* The page comes in parts: what Live needs first, the other screens when there is time or when they are opened. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HERE, openBrowser, watch } from "./browser.mjs";
import { firstLoad } from "../first-load.mjs";
import { fakeMaster } from "./fake-master.mjs";

const DIST = process.env.KATYDID_DIST ?? join(HERE, "../../dist");
const SCREEN = /assets\/(endpoints|failures|workers|logs|runs|new-test)-/;

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

async function visit(hash, prepare, use) {
  const master = await fakeMaster({ dist: DIST, rows: 12 });
  const page = await browser.context.newPage();
  const complaints = watch(page);
  try {
    await prepare(page, master);
    await page.goto(`${master.url}/${hash}`);
    await use(page, master);
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
    await master.close();
  }
}

test("the first load has no screen but Live, and Live needs none of the others", async () => {
  assert.deepEqual(firstLoad(DIST).filter((path) => SCREEN.test(path)), []);
  await visit("", (page) => page.route(SCREEN, (route) => route.abort()), async (page) => {
    await page.locator(".tile-value").first().waitFor();
    await page.locator("#throughput-title").waitFor();
  });
});

test("a master's page has no code that reads report files, which would be a sixteenth of its first load", () => {
  const scripts = firstLoad(DIST).filter((path) => path.endsWith(".js")).map((path) => readFileSync(join(DIST, path), "utf8"));
  for (const script of scripts) assert.ok(!/This report cannot be shown|Selections are widened/.test(script));
});

test("a screen that was not opened yet opens without the master", async () => {
  await visit("", () => undefined, async (page, master) => {
    await page.locator(".tile-value").first().waitFor();
    await page.waitForFunction(() => {
      const names = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => /assets\/.*\.js/.test(name));
      return names.length >= 6 && names.some((name) => /endpoints-/.test(name));
    });
    await master.close();
    await page.locator(".nav").getByRole("link", { name: "Endpoints", exact: true }).click();
    await page.locator(".row.total").waitFor();
  });
});

test("a screen of another version says so, and the others go on", async () => {
  await visit("#/failures", (page) => page.route(/assets\/failures-/, (route) => route.fulfill({ status: 404 })), async (page) => {
    await page.getByText("could not be loaded").waitFor();
    await page.getByRole("button", { name: "Reload the page" }).waitFor();
    await page.getByRole("link", { name: "Live", exact: true }).click();
    await page.locator(".tile-value").first().waitFor();
  });
});
