/* The way of a newcomer over a master without a host: open, be told what is missing, ping, try, start, see
 * the first failure, edit, stop, report; and what a second person and a link of another run see. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { drawn, openBrowser } from "./browser.mjs";
import { choose, eventually, openRun, startMaster, troubles } from "./real.mjs";

const LOCUSTFILE = `
from locust import HttpUser, User, constant, events, task
from locust.exception import StopTest

@events.init_command_line_parser.add_listener
def options(parser):
    parser.add_argument("--depth", type=int, default=2, help="How deep to look")

class Admin(HttpUser):
    wait_time = constant(0.05)

    @task(3)
    def look(self):
        self.client.get("/")

    @task
    def missing(self):
        self.client.get("/missing")
`;
const GIVES_UP = `
class GivesUp(User):
    def on_start(self):
        raise StopTest("the shop has no stock")

    @task
    def nothing(self):
        pass
`;

let run, browser, page, target, master, complaints;
before(async () => {
  run = await openRun((request, response) => {
    response.writeHead(request.url === "/missing" ? 404 : 200, { "Content-Type": "text/plain" });
    response.end("hello");
  }, LOCUSTFILE + GIVES_UP);
  ({ browser, page, target, master, complaints } = run);
});
after(() => run?.close());

const label = (name) => page.getByLabel(name, { exact: true });
const alertOf = (field) => page.locator(".field", { has: field }).getByRole("alert");
const start = () => page.getByRole("button", { name: "Start", exact: true });
const status = (word) => page.locator(".run-status .status", { hasText: word });
const host = () => page.getByLabel("Host", { exact: false });

test("a start without the host that a class needs is refused at the field", async () => {
  await host().waitFor();
  await page.getByText("1 worker is ready.").waitFor();
  assert.equal(await alertOf(host()).count(), 0, "nobody has asked for anything yet");
  await start().click();
  await alertOf(host()).getByText("Admin has no host of its own: give one.").waitFor();
  assert.equal(await host().evaluate((input) => input === document.activeElement), true);
  assert.equal((await master.json("api/v1/state")).run, "");
  await page.getByRole("button", { name: "Try one user" }).click();
  assert.equal(await page.locator(".trial").count(), 0);
});

test("everything that is wrong is told at once", async () => {
  for (const [name, text] of [["Users", "ten"], ["Spawn rate", "1,5"], ["Run time", "5 minuets"]]) await label(name).fill(text);
  await host().fill("htp://");
  for (const field of [label("Users"), label("Spawn rate"), label("Run time"), host()]) await alertOf(field).waitFor();
  await page.getByText("The plan is drawn here when").waitFor(); // not one of another load
  assert.deepEqual(await troubles(page, "a form with errors", [1440, 375]), []);
  for (const [name, text] of [["Users", "4"], ["Spawn rate", "4"], ["Run time", ""]]) await label(name).fill(text);
});

test("trying and starting are in sight on a tablet and a phone too", async () => {
  for (const size of [{ width: 1024, height: 768 }, { width: 768, height: 1024 }, { width: 375, height: 667 }]) {
    await page.setViewportSize(size);
    await drawn(page);
    for (const button of [page.getByRole("button", { name: "Try one user" }), start()]) {
      const box = await button.boundingBox();
      const isFree = await button.evaluate((it) => it.contains(document.elementFromPoint(it.getBoundingClientRect().x + 9, it.getBoundingClientRect().y + 9)));
      assert.ok(isFree && box.y + box.height <= size.height, `${size.width}: ${JSON.stringify(box)}`);
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await drawn(page);
});

test("the target is pinged while its address is typed, and completed", async () => {
  await host().fill("127.0.0.1:1");
  await page.locator(".ping", { hasText: "refused" }).waitFor();
  await host().fill(target.url.replace("http://", ""));
  await page.locator(".ping", { hasText: /200 in [\d.]+ ms/ }).waitFor();
  await label("Users").focus();
  assert.equal(await host().inputValue(), target.url);
});

test("one user is tried first, and its result is beside the other cards, not below them", async () => {
  assert.match(await page.getByRole("button", { name: "Try one user" }).getAttribute("class"), /primary/);
  await page.getByText("As command line").click();
  await page.getByLabel("Class to try").selectOption("Admin");
  await page.getByRole("button", { name: "Try one user" }).click();
  const trial = page.locator(".trial");
  await trial.waitFor();
  const boxes = await Promise.all([trial, page.locator(".begin"), page.getByRole("region", { name: "Presets" })].map((each) => each.boundingBox()));
  assert.ok(boxes.slice(1).every((side) => side.x >= boxes[0].x + boxes[0].width), JSON.stringify(boxes));
  assert.match(await start().getAttribute("class"), /primary/);
  assert.equal((await master.json("stats/requests")).stats.at(-1).num_requests, 0);
  assert.deepEqual(await troubles(page, "a trial", [1440, 1024, 375]), []);
});

test("stages are a load shape that runs as it is drawn", async () => {
  await page.getByText("Plan a load in stages").click();
  const set = (name, text) => page.getByLabel(name, { exact: true }).fill(text);
  await set("For, stage 1", "1s");
  await set("Users, stage 1", "3");
  await set("Per second, stage 1", "3");
  await page.getByRole("button", { name: "Remove stage 3" }).click();
  await set("For, stage 2", "2h");
  await set("Users, stage 2", "5");
  const text = await page.getByLabel("The stages as a load shape").innerText();
  const shaped = await startMaster(`${LOCUSTFILE}\n${text}`, ["-H", target.url]);
  try {
    const { shape } = await eventually(async () => (await shaped.json("api/v1/script")).shape && shaped.json("api/v1/script"), "the locustfile");
    assert.deepEqual(shape.plan.slice(0, 2), [[0, 3, 3], [1, 5, 5]]);
    const other = await browser.context.newPage();
    await other.goto(`${shaped.url}/#/new`);
    await other.getByRole("button", { name: "Start", exact: true }).click();
    await eventually(async () => (await shaped.json("api/v1/state")).users === 5, "the users of the last stage");
    await other.close();
  } finally {
    await shaped.stop("SIGTERM");
  }
});

test("another locustfile of the folder is chosen, and a broken one says what is wrong", async () => {
  const folder = dirname(master.path);
  writeFileSync(join(folder, "broken.py"), "import locust\nnonsense(");
  writeFileSync(join(folder, "buyer.py"), LOCUSTFILE.replace("class Admin", "class Buyer"));
  await page.getByRole("button", { name: "Reload" }).click();
  const choice = page.getByLabel("Locustfile", { exact: true });
  await choice.selectOption("broken.py");
  await page.locator(".trace", { hasText: "SyntaxError" }).waitFor();
  await choice.selectOption("buyer.py");
  await page.getByRole("checkbox", { name: /Buyer/ }).waitFor();
  await choice.selectOption("locustfile.py");
  await page.getByRole("checkbox", { name: /Admin/ }).waitFor();
  await host().fill(target.url);
  for (const [name, text] of [["Users", "4"], ["Spawn rate", "4"]]) await label(name).fill(text);
});

test("the test starts, and the first failure is two clicks away", async () => {
  await page.getByRole("checkbox", { name: /GivesUp/ }).uncheck();
  await page.getByLabel("depth").fill("5");
  await start().click();
  await status("running").waitFor();
  await page.locator("#throughput-title").waitFor();
  await page.locator("main:focus").waitFor(); // the button that had it is gone
  await page.locator(".nav").getByRole("link", { name: /Failures/ }).click();
  await page.locator("main", { hasText: "/missing" }).waitFor();
  await page.getByRole("link", { name: "Edit load" }).waitFor();
  assert.deepEqual(await troubles(page, "failures without exceptions", [375]), []);
});

test("why it fails is a sentence, and its link lands on the range and the rows that show it", async () => {
  const { started } = await master.json("api/v1/state");
  const [from, to] = [Math.ceil(started), Math.ceil(started) + 6];
  await eventually(async () => (await master.json("api/v1/state")).now > to + 8, "a range in which nothing changes any more");
  const range = await master.json(`api/v1/range?from=${from}&to=${to}`);
  const failed = range.failures.reduce((sum, [, count]) => sum + count, 0);
  const requests = range.total[range.columns.indexOf("requests")];
  await page.goto(`${master.url}/#/live?range=${from}-${to}`);
  const sentence = page.getByRole("region", { name: "Why" }).locator("li", { hasText: "404 Not Found at GET /missing" });
  await sentence.waitFor();
  const part = Number(/([\d.]+) % of the requests failed, all of them/.exec(await sentence.innerText())?.[1]);
  assert.ok(Math.abs(part - (100 * failed) / requests) <= 0.06, `${part} % of ${requests}: ${failed}`);
  await sentence.getByRole("link", { name: "Failures" }).click();
  const row = page.locator(".failures tbody tr", { hasText: "/missing" });
  await eventually(async () => (await row.locator("[data-label=Count]").innerText()).replaceAll(",", "") === String(failed), "as many as there were in that range");
  const asked = await page.evaluate(() => new URLSearchParams(location.hash.split("?")[1]).get("range"));
  assert.equal(asked, `${from}-${to}`);
  await page.goto(`${master.url}/#/live`);
});

test("everything is reachable on a phone while a test runs", async () => {
  await page.setViewportSize({ width: 375, height: 812 });
  for (const name of ["Edit load", "Stop"]) await page.getByRole("button", { name, exact: true }).waitFor();
  await page.getByRole("button", { name: "More", exact: true }).click();
  for (const name of ["Save a report…", "Set a marker…", "Keyboard shortcuts", "Reset the statistics…"]) await page.getByRole("menuitem", { name }).waitFor();
  assert.ok(await page.getByRole("menu").evaluate((menu) => menu.getBoundingClientRect().left >= 0 && menu.getBoundingClientRect().right <= innerWidth));
  await page.locator(".menu-note", { hasText: target.url }).waitFor();
  assert.equal(await page.locator(".time-bar select").isVisible(), false, "the choice of times is in the menu, whole");
  await page.getByRole("menuitem", { name: "Times: local" }).click();
  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitem", { name: /^Times: (?!local)/ }).click();
  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 1440, height: 900 });
  assert.equal(await page.locator(".host").innerText(), target.url);
  assert.ok(await page.locator(".host").evaluate((span) => span.scrollWidth <= span.clientWidth), "the host stands there whole");
});

test("an edit of the load counts from the users that run", async () => {
  await page.getByRole("button", { name: "Edit load", exact: true }).click();
  const hint = page.getByRole("dialog").locator(".field", { has: label("Spawn rate") }).locator(".note");
  await label("Users").fill("12");
  await label("Spawn rate").fill("2");
  await eventually(async () => (await hint.innerText()) === "8 more, after 4s.", "eight more");
  await label("Users").fill("4");
  await eventually(async () => (await hint.innerText()) === "No change: 4 users run.", "no change");
  await label("Users").fill("x");
  await label("Spawn rate").fill("0");
  await page.getByRole("button", { name: "Change the load" }).click();
  for (const name of ["Users", "Spawn rate"]) await alertOf(label(name)).waitFor();
  await label("Users").fill("6");
  await label("Spawn rate").fill("2");
  await page.getByRole("button", { name: "Change the load" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const { started } = await master.json("api/v1/state");
  await eventually(async () => {
    const { points } = await master.json(`api/v1/series?from=${Math.floor(started)}&to=${Math.ceil((await master.json("api/v1/state")).now)}&step=1`);
    return points.some((point) => point[7] === 6);
  }, "a second with six users");
});

test("a link names its endpoint", async () => {
  await page.goto(`${master.url}/#/endpoints`);
  await page.getByRole("gridcell", { name: "/missing", exact: true }).click();
  await page.locator("#drill-title", { hasText: "/missing" }).waitFor();
  assert.equal(new URLSearchParams((await page.evaluate(() => location.hash)).split("?")[1]).get("row"), "GET /missing");
  await page.goto(`${master.url}/#/endpoints?row=GET+%2Fgone`);
  await page.getByText("GET /gone is not in this run").waitFor();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByText("GET /gone is not in this run").waitFor({ state: "detached" });
});

test("what ended a run stands beside its end, and the report is there", async () => {
  await page.getByRole("link", { name: "Live", exact: true }).click();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.getByRole("button", { name: "Stop the test" }).click();
  await page.locator("#finished", { hasText: "somebody stopped it" }).waitFor();
  await page.locator("main:focus").waitFor();
  const users = page.locator(".tile", { has: page.getByRole("heading", { name: "Users", exact: true }) });
  await users.getByText("at the peak").waitFor();
  assert.equal(await users.locator(".tile-value").innerText(), "6");
  assert.equal(await page.locator(".live-dot").count(), 0);
  await page.mouse.move(2, 2);
  await eventually(async () => (await page.locator("section:has(#throughput-title) .legend-value").allInnerTexts()).join("") === "", "no number of the last second in a legend");
  await page.locator("#finished").getByRole("button", { name: "Report" }).click();
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("dialog").getByRole("link", { name: "Save" }).click()]);
  assert.match(file.suggestedFilename(), /\.html$/);
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("a second person is offered what the master has, not what a browser remembers", async () => {
  const other = await openBrowser();
  try {
    const second = await other.context.newPage();
    await second.goto(`${master.url}/#/new`);
    await second.getByLabel("Users", { exact: true }).waitFor();
    await eventually(async () => (await second.getByLabel("depth").inputValue()) === "5", "the option of the last test");
    const [users, rate] = (await master.json("api/v1/state")).next;
    for (const [name, value] of [["Users", String(users)], ["Spawn rate", String(rate)], ["Run time", ""]]) assert.equal(await second.getByLabel(name, { exact: true }).inputValue(), value, name);
    assert.equal(await second.getByLabel("Host", { exact: false }).inputValue(), target.url);
    assert.equal(await second.locator(".time-bar").count() + await second.locator(".facts").count(), 0, "no numbers of the last run");
  } finally {
    await other.close();
  }
});

test("an empty host says where the load will go", async () => {
  await page.getByRole("link", { name: "New test" }).first().click();
  await host().waitFor();
  await host().fill("");
  // The master's word on such a start is the one that counts, and the field has it.
  const fields = { users: 1, spawn_rate: 1, host: "", user_classes: ["Admin"] };
  const said = await page.evaluate(async (body) => (await fetch("api/v1/check", { method: "POST", headers: { "Content-Type": "application/json", "X-Katydid": "1" }, body })).json(), JSON.stringify(fields));
  const words = said.ok ? new RegExp(`Empty: Admin to ${target.url}`) : /has no host of its own/;
  await page.locator(".field", { has: host() }).getByText(words).waitFor();
});

test("a test that code ended says why, and the log has a mark", async () => {
  const seen = page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: /Logs/ });
  await page.getByRole("checkbox", { name: /Admin/ }).uncheck();
  await page.getByRole("checkbox", { name: /GivesUp/ }).check();
  await start().click();
  await page.locator("#finished", { hasText: "the shop has no stock" }).waitFor();
  await page.locator("#finished", { hasText: "No request was finished" }).waitFor();
  await seen.locator(".badge.fail").waitFor();
  await seen.click();
  await page.locator(".log-row.error").first().waitFor();
  await seen.locator(".badge").waitFor({ state: "detached" });
  await choose(page, /^Theme/);
  assert.deepEqual(complaints, []);
});
