/* --web-token in a browser: the form, what the page shows to whom, and the way out. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBrowser, watch } from "./browser.mjs";
import { choose, startMaster, troubles } from "./real.mjs";

const [RUN, SEE] = ["run-9f8e7d6c5b4a39281706", "see-0a1b2c3d4e5f60718293"];
const LOCUSTFILE = `
from locust import User, constant, task

class Visitor(User):
    wait_time = constant(0.1)

    @task
    def look(self):
        pass
`;

let master, browser, page, complaints;
before(async () => {
  process.env.KATYDID_WEB_TOKEN = `run anna ${RUN}, see wall ${SEE}`;
  master = await startMaster(LOCUSTFILE);
  browser = await openBrowser();
  page = await browser.context.newPage();
  complaints = watch(page);
});
after(async () => {
  delete process.env.KATYDID_WEB_TOKEN;
  await browser?.close();
  await master?.stop("SIGKILL");
});

async function signIn(token) {
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("a browser without a token is shown the form, which says what is wrong", async () => {
  await page.goto(master.url);
  assert.match(page.url(), /\/login$/);
  assert.deepEqual(await troubles(page, "form"), []);
  await signIn("this-is-none-of-them");
  await page.getByRole("alert").getByText("not known here").waitFor();
  complaints.length = 0; // Chromium counts an answer of 401 as an error
});

test("who may look sees the page, and nothing that he may not do", async () => {
  await page.addInitScript(() => {
    globalThis.seen = [];
    new MutationObserver(() => {
      for (const one of document.querySelectorAll("a, button")) if (/^(New test|Start|Stop)/.test(one.textContent)) globalThis.seen.push(one.textContent);
    }).observe(document, { childList: true, subtree: true, characterData: true });
  });
  let held; // what the page asks again says nothing new
  await page.route("**/api/v1/session", (route) => (held = route));
  await signIn(SEE);
  await page.getByText("Viewing only").waitFor();
  await page.getByText("No test has run yet").waitFor();
  assert.ok(held, "the page does not ask who looks at it");
  assert.deepEqual(await page.evaluate(() => globalThis.seen), [], "for a moment it was there");
  await held.continue();
  await page.unroute("**/api/v1/session");
  await page.getByText("Viewing only").waitFor();
  await page.getByText("No test has run yet").waitFor();
  assert.equal(await page.getByRole("link", { name: "New test" }).count(), 0);
  assert.equal(await page.getByRole("button", { name: "Start", exact: true }).count(), 0);
  assert.deepEqual(await page.evaluate(() => globalThis.seen), []);
  assert.deepEqual(await troubles(page, "viewer"), []);
  await choose(page, "Sign out: wall");
  await page.getByLabel("Token").waitFor();
});

test("who may run starts a test, which who may look follows", async () => {
  await signIn(RUN);
  await page.goto(`${master.url}/#/new`);
  await page.getByText("1 worker is ready.").waitFor();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("button", { name: "Stop", exact: true }).waitFor();
  const other = await browser.context.browser().newContext();
  const looking = await other.newPage();
  const said = watch(looking);
  await looking.goto(master.url);
  await looking.getByLabel("Token").fill(SEE);
  await looking.getByRole("button", { name: "Sign in" }).click();
  await looking.locator(".run-status .status", { hasText: "running" }).waitFor();
  await looking.getByText("Viewing only").waitFor();
  assert.equal(await looking.getByRole("button", { name: "Stop", exact: true }).count(), 0);
  await looking.keyboard.press("Shift+S");
  await looking.goto(`${master.url}/#/new`);
  await looking.getByText("may look, but not start or change a test").waitFor();
  assert.equal(await looking.getByRole("dialog").count(), 0);
  assert.deepEqual(said, []);
  await other.close();
});

test("a session that is over brings the form back", async () => {
  await browser.context.clearCookies();
  await page.reload();
  await page.getByLabel("Token").waitFor();
  assert.deepEqual(complaints, []);
});
