/* The Load screen over the real master: the plan before the test, what came of it while it runs, and in the report. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { openBrowser, watch } from "./browser.mjs";
import { eventually, startMaster, troubles } from "./real.mjs";

const LOCUSTFILE = `
import time
from locust import User, task

class Visitor(User):
    @task
    def look(self):
        time.sleep(0.02)

class Clerk(User):
    @task
    def rest(self):
        time.sleep(60)
`;
const SCENARIOS = [
  "look:ramping-arrival-rate:class=Visitor,start_rate=5/s,stages=2s:20/s,forever:20/s,graceful_stop=0", // nobody waits for long
  "jam:constant-arrival-rate:class=Clerk,rate=10/s,users=1,max_users=1,on_busy=drop,graceful_stop=0", // one starts, the others are dropped
  "staff:constant-vus:class=Clerk,users=2,graceful_stop=0",
];

let browser, page, master, complaints, folder;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "katydid-load-"));
  master = await startMaster(LOCUSTFILE, SCENARIOS.flatMap((text) => ["--scenario", text]));
  browser = await openBrowser();
  page = await browser.context.newPage();
  complaints = watch(page);
});
after(async () => {
  await browser?.close();
  await master?.stop("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const row = (of, name) => of.getByRole("region", { name: "Table of scenarios" }).getByRole("row", { name: new RegExp(`^${name} `) });
const cell = async (of, name, label) => (await row(of, name).locator(`[data-label="${label}"]`).textContent()).trim();
const whole = (text) => Number(/[\d,]+/.exec(text)[0].replaceAll(",", ""));

test("a new test shows the resolved plan in place of users", async () => {
  await page.goto(`${master.url}/#/new`);
  await page.getByText("3 scenarios decide about the load. The command line has them.").waitFor();
  await page.getByRole("figure", { name: "Plan of look: up to 20/s, until stopped" }).waitFor();
  await page.getByRole("figure", { name: "Plan of staff: up to 2 users, until stopped" }).waitFor();
  assert.equal(await page.getByLabel("Spawn rate").count(), 0);
  await page.getByText("As command line").click();
  const words = await page.locator(".command-line pre").textContent();
  assert.ok(!/ -u | -r /.test(words) && words.split("--scenario").length === 4, words);
});

test("before it, the Load screen has the plans", async () => {
  await page.getByRole("link", { name: "Load", exact: true }).click();
  await page.getByRole("figure", { name: "Plan of jam: up to 10/s, until stopped" }).waitFor();
});

test("while it runs: due, started and dropped of each, and one over time against its plan", async () => {
  await page.goto(`${master.url}/#/new`);
  await page.getByText("1 worker is ready.").waitFor();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.waitForURL(/#\/live/); // the form goes there when the master has answered
  await page.getByRole("link", { name: "Load", exact: true }).click();
  await eventually(async () => whole(await cell(page, "look", "Started")) > 30 && whole(await cell(page, "jam", "Dropped")) > 20, "starts and drops");
  assert.equal(await cell(page, "jam", "Started"), "1");
  assert.equal(await cell(page, "staff", "Due"), "–");
  assert.match(await cell(page, "jam", "Users"), /1 of 1/);
  await page.getByRole("heading", { name: "Iterations started per second" }).waitFor();
  await page.locator("#load-starts canvas, .charts canvas").first().waitFor();
  await row(page, "jam").getByRole("button", { name: "jam" }).click();
  await page.getByText(/^jam: .* were dropped: no virtual user was free, the only one was busy\./).waitFor();
  assert.match(page.url(), /scenario=jam/);
  await row(page, "staff").getByRole("button", { name: "staff" }).click();
  await page.getByText("Of several scenarios the users are not kept apart over time.").waitFor();
  assert.deepEqual(await troubles(page, "load"), []);
});

const scenario = async (name) => (await master.json("api/v1/scenarios")).scenarios.find((one) => one.name === name);

test("the load is changed by hand, by keys too, and every browser shows what the master says", async () => {
  const other = await browser.context.newPage();
  watch(other, complaints);
  await other.goto(`${master.url}/#/load?scenario=jam`);
  await row(page, "jam").getByRole("button", { name: "jam" }).click();
  const [rate, users] = [page.getByRole("slider", { name: "Rate of jam" }), page.getByRole("slider", { name: "Users of staff" })];
  assert.deepEqual([await rate.getAttribute("max"), await rate.getAttribute("aria-valuetext")], ["20", "10/s"]);
  await page.locator("h1").first().press("r");
  await rate.and(page.locator(":focus")).waitFor();
  await page.keyboard.press("PageUp");
  await eventually(async () => (await scenario("jam")).level === 12, "a tenth of the slider more");
  await page.keyboard.press("ArrowUp");
  const moved = 12.1;
  await eventually(async () => (await scenario("jam")).level === moved, "the rate that the slider says");
  await eventually(async () => (await other.getByRole("slider", { name: "Rate of jam" }).getAttribute("aria-valuetext")) === `${moved}/s`, "the other browser to show it");
  await users.press("End");
  await eventually(async () => (await scenario("staff")).users === 10, "users up to the end of the slider");
  await page.getByRole("textbox", { name: "Users of staff" }).fill("3");
  await page.keyboard.press("Enter");
  await eventually(async () => (await scenario("staff")).level === 3, "the users that were typed");
  await page.getByRole("textbox", { name: "Users of staff" }).fill("many");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "is no number of users" }).waitFor();

  await row(page, "jam").getByRole("button", { name: "jam" }).focus();
  await page.keyboard.press("p");
  await other.getByRole("button", { name: "Resume jam" }).click();
  await eventually(async () => !(await scenario("jam")).is_paused, "jam to go on");
  await page.getByRole("button", { name: "Pause jam" }).waitFor();
  await page.getByRole("button", { name: "Stages of jam" }).click();
  await page.getByRole("button", { name: "Stage", exact: true }).click();
  await page.getByLabel("For, stage 1").fill("0s");
  await page.getByLabel("To, per second, stage 1").fill("4");
  await page.getByLabel("To, per second, stage 2").fill("4");
  await page.getByRole("button", { name: "Change the stages" }).click();
  await eventually(async () => (await scenario("jam")).level === 4, "the stages that were written");
  await row(page, "staff").getByRole("button", { name: "staff" }).click();
  const brake = page.getByRole("textbox", { name: "Throttle of staff, requests per second" });
  await eventually(async () => {
    await row(page, "staff").getByRole("button", { name: "staff" }).press("b"); // once its row is the chosen one
    return brake.evaluate((box) => box === document.activeElement);
  }, "the throttle to have the focus");
  await brake.fill("5");
  await page.keyboard.press("Enter");
  await eventually(async () => (await scenario("staff")).throttle === 5, "the throttle that was typed");
  await eventually(async () => (await cell(other, "staff", "Throttle")).startsWith("5"), "the other browser to show it");
  await brake.fill("");
  await page.keyboard.press("Enter");
  await eventually(async () => (await scenario("staff")).throttle === null, "no limit any more");
  assert.deepEqual(await troubles(page, "load"), []);
  const { events } = await master.json("api/v1/events");
  const told = events.filter(({ kind }) => kind === "scenario").map(({ text }) => text);
  assert.deepEqual(told.slice(0, 4), ["Rate of jam: 10/s → 12/s", `Rate of jam: 12/s → ${moved}/s`, "Users of staff: 2 → 10", "Users of staff: 10 → 3"]);
  assert.deepEqual(told.slice(4), [`Rate of jam: ${moved}/s → paused`, `Rate of jam: paused → ${moved}/s`, `Stages of jam: ${moved}/s, 0s:4/s, forever:4/s`,
    "Throttle of staff: none → 5/s", "Throttle of staff: 5/s → none"]);
  await other.close();
});

test("the report has it too, and the numbers add up", async () => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole("button", { name: "Stop", exact: true }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: /^Stop/ }).click();
  await page.locator(".run-status .status", { hasText: "stopped" }).waitFor();
  const told = await eventually(async () => {
    const { scenarios } = await master.json("api/v1/scenarios");
    return scenarios.every((one) => one.due === one.started + one.dropped + one.cut) && scenarios;
  }, "due = started + dropped + cut");
  const [path, file] = [join(folder, "report.html"), await master.text("api/v1/report")];
  writeFileSync(path, file);
  const report = await browser.context.newPage();
  watch(report, complaints);
  await report.goto(`${pathToFileURL(path)}#/load`);
  await row(report, "look").waitFor();
  assert.equal(whole(await cell(report, "look", "Due")), told[0].due);
  assert.equal(whole(await cell(report, "jam", "Dropped")), told[1].dropped);
  await report.getByRole("figure", { name: "Plan of look: up to 20/s, until stopped" }).waitFor();
  assert.equal(await report.getByRole("slider", { name: /^Rate of/ }).count(), 0); // nothing is to be changed there
  await report.close();
  assert.deepEqual(complaints, []);
});
