/* What runs once a run, before and after its load, and a load that a scenario decides about: in the words of
 * the page while it happens, and when it fails. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually, openRun } from "./real.mjs";

const LOCUSTFILE = `
import katydid
from locust import HttpUser, task

def gate(environment, name):
    answer = Visitor(environment).client.get("/" + name)
    answer.raise_for_status()

@katydid.setup
def prepare(environment):
    gate(environment, "before")

@katydid.teardown
def clear(environment):
    gate(environment, "after")

class Visitor(HttpUser):
    arrival_rate = "9/s"

    @task
    def look(self):
        self.client.get("/")
`;

const held = new Map(); // by path: the answer that waits
let run, page, master, complaints;
before(async () => {
  run = await openRun((request, response) => {
    if (request.url === "/") response.end("hello");
    else held.set(request.url, response);
  }, LOCUSTFILE, (url) => ["-H", url]);
  ({ page, master, complaints } = run);
});
after(() => run?.close());

const status = (word) => page.locator(".run-status .status", { hasText: word });

async function answer(path, code) {
  const response = await eventually(() => held.get(path), `a request of ${path}`);
  held.delete(path);
  response.writeHead(code).end("so be it");
}

async function start() {
  await page.goto(`${master.url}/#/new`);
  await page.getByText("1 worker is ready.").waitFor();
  await page.getByRole("button", { name: "Start", exact: true }).click();
}

test("setup and teardown are told while they last, and since when", async () => {
  await page.getByText("A scenario decides about the load.").waitFor();
  assert.equal(await page.getByLabel("Spawn rate", { exact: true }).count(), 0, "it has no say");
  await start();
  await status("setting up").waitFor();
  await page.getByRole("link", { name: "Live", exact: true }).click();
  await page.locator("#once", { hasText: /Setup of the locustfile has run for \d+s/ }).waitFor();
  assert.equal(await page.getByText("users are starting").count(), 0, "none are, yet");
  await answer("/before", 200);
  await status("running").waitFor();
  await page.locator("#once").waitFor({ state: "detached" });
  await page.locator(".events", { hasText: /Set up in \d+\.\d s/ }).waitFor();
});

test("a load that a scenario decides about is measured against no number of users", async () => {
  const users = page.locator(".tile", { has: page.getByRole("heading", { name: "Users", exact: true }) });
  await users.getByText("of 1 scenario").waitFor();
  await page.locator(".facts .fact", { hasText: /^users\d+$|^\d+users$/ }).first().waitFor();
  await page.locator(".events", { hasText: "1 scenario" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Edit load", exact: true }).count(), 0);
});

test("a teardown that fails is told after the end", async () => {
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Stop the test" }).click();
  await status("tearing down").waitFor();
  await page.locator("#once", { hasText: "teardown of the locustfile has run for" }).waitFor();
  await answer("/after", 500);
  await page.locator("#notice", { hasText: "teardown failed" }).waitFor();
  await page.locator("#once").waitFor({ state: "detached" });
});

test("on a phone the row of state is one line of it, and the rest is a touch away", async () => {
  await page.setViewportSize({ width: 375, height: 812 });
  const more = page.getByRole("button", { name: "▲ 1 more" });
  await more.waitFor();
  assert.equal(await page.locator("#notice").isVisible(), false);
  await more.click();
  await page.locator("#notice", { hasText: "teardown failed" }).waitFor();
  await page.getByRole("button", { name: "Less" }).click();
  await page.locator("#notice").waitFor({ state: "hidden" });
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.locator("#notice").waitFor();
});

test("a setup that fails says that there was no load, and where the reason stands", async () => {
  await start();
  await status("setting up").waitFor();
  await page.getByRole("link", { name: "Live", exact: true }).click();
  await answer("/before", 500);
  const end = page.locator("#finished.fail", { hasText: "its setup failed, so the load did not begin" });
  await end.waitFor();
  await end.getByRole("link", { name: "Logs" }).click();
  await page.locator(".log-row.error", { hasText: /setup|500/ }).first().waitFor();
  assert.deepEqual(complaints, []);
});
