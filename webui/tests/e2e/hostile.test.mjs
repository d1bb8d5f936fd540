/* A real run whose every text is an attack: on all screens, in the files and in the report it is
 * text and nothing else. And commands of strangers are refused. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { HERE, openBrowser, watch } from "./browser.mjs";
import { eventually, startMaster, startTarget } from "./real.mjs";

const MARKUP = "<img src=x onerror=alert(1)>";
const KINDS = 40; // failures of different kinds, before the screens are looked at
let browser, target, master, folder;
before(async () => {
  target = await startTarget((_request, response) => {
    response.writeHead(200, { "Content-Type": "text/html", "X-Attack": "<img src=x onerror=alert(1)>" });
    response.end("<script>document.title='owned'</script>\u001b[31m\u202e\u0000");
  });
  folder = mkdtempSync(join(tmpdir(), "katydid-hostile-"));
  const told = ["--tag", `build=${MARKUP}`, "--note", MARKUP, "--profile", MARKUP, "--test-id", MARKUP, "--threshold", `p95 of 'GET ${MARKUP}' < 1h`];
  master = await startMaster(readFileSync(join(HERE, "hostile.py"), "utf8"), ["-H", target.url, "--autostart", "-u", "2", "-r", "2", "--history", join(folder, "h"), ...told], `${MARKUP}.py`);
  browser = await openBrowser();
  assert.equal(await post({ "Content-Type": "application/json", "X-Katydid": "1" }, JSON.stringify({ text: MARKUP }), "/api/v1/marker"), 200);
  await eventually(async () => (await master.json("api/v1/live")).failures[0] >= KINDS, "all kinds of failures", 60);
  await eventually(async () => {
    const { failures } = await master.json("api/v1/failures");
    const opened = failures.filter(({ method, name }) => method === "GET" && /script/.test(name));
    const kept = await Promise.all(opened.map(({ id }) => master.json(`api/v1/samples?kind=${id}`)));
    return kept.every(({ samples }) => samples.length > 0);
  }, "a request of each kind that is opened, of which a worker writes down ten a second");
});
after(async () => {
  await browser?.close();
  await master?.stop("SIGKILL");
  target?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Nothing ran, nothing was made an element, nothing reorders or controls the text beside it. */
async function isHarmless(page, what) {
  const found = await page.evaluate(() => ({
    title: document.title,
    alien: document.querySelectorAll("main img, main script, main iframe, main object, main [onload], main [onerror], a[href^='javascript:']").length,
    controls: escape(document.querySelector("main").innerText.match(/.{0,30}[\u0000-\u0008\u000e-\u001f\u200b\u202a-\u202e\u2066-\u2069]/)?.[0] ?? ""),
    wide: document.documentElement.scrollWidth - innerWidth,
  }));
  assert.doesNotMatch(found.title, /owned/, what);
  assert.deepEqual({ ...found, title: "" }, { title: "", alien: 0, controls: "", wide: 0 }, what);
}

/** A page that must not complain, nor open anything. */
async function look(use) {
  const page = await browser.context.newPage();
  const complaints = watch(page);
  page.on("dialog", (dialog) => {
    complaints.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  try {
    await use(page);
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
  }
}

const SCREENS = [
  ["live", ".chart canvas", async () => {}],
  ["endpoints", ".grid-body .row", async (page) => {
    await page.getByLabel("Filter the endpoints").fill("onerror");
    await page.locator(".grid-body .row").first().click();
    await page.locator(".drill canvas").first().waitFor();
  }],
  ["failures", "table.failures td", async (page) => {
    await page.getByRole("button", { name: /^Samples of GET .*script/ }).first().click();
    await page.locator(".sample-sides").first().waitFor({ timeout: 90_000 });
    await page.locator(".exceptions summary").first().click();
  }],
  ["workers", "table.workers td", async () => {}],
  ["logs", ".log-row", async (page) => page.getByLabel("Filter log lines").fill("script")],
  ["metrics", "table tbody tr", async (page) => {
    for (const kind of await page.getByRole("group", { name: "What was counted" }).getByRole("button").all()) {
      await kind.click();
      await page.locator("table tbody tr").nth(2).click();
      await page.locator("main .drill").waitFor();
      await isHarmless(page, `metrics, ${await kind.textContent()}`);
    }
    await page.getByText("basket").first().waitFor();
  }],
  ["verdict", "main table, main li", async () => {}],
  ["load", "main h1, main h2", async () => {}],
  ["runs", "table tbody tr", async (page) => page.getByText(MARKUP).first().waitFor()],
  ["extras", ".list, .empty, a[download]", async () => {}],
  ["new", "main h1", async (page) => page.getByRole("button", { name: "View" }).click()],
];
for (const [screen, ready, act] of SCREENS)
  test(`${screen}: attacks are text`, async () => {
    await look(async (page) => {
      await page.goto(`${master.url}/#/${screen}`);
      await page.locator(ready).first().waitFor();
      await act(page);
      await page.waitForTimeout(1200); // a tick more
      await isHarmless(page, screen);
      await page.setViewportSize({ width: 375, height: 800 });
      await isHarmless(page, `${screen}, narrow`);
    });
  });

const STRANGER = `
import sys
sys.path.insert(0, "../tests/support")
from fake_worker import FakeWorker
with FakeWorker(sys.argv[1], node_id=sys.argv[2]) as worker:
    worker.join()
    worker.send("katydid_logs", {"lines": [[1.0, sys.argv[2], sys.argv[2], sys.argv[2]]], "dropped": 0})
    worker.send("exception", {"msg": sys.argv[2], "traceback": sys.argv[2]})
    worker.wait("quit", 600)
`;

test("the name of a worker is text", async () => {
  const port = await freePort();
  const lead = await startMaster("from locust import User, task\nclass A(User):\n    @task\n    def a(self): pass\n", ["--master", "--insecure", "--master-bind-host", "127.0.0.1", "--master-bind-port", String(port), "--history", "off"]);
  const stranger = spawn(process.env.PYTHON ?? "/usr/bin/python3", ["-c", STRANGER, String(port), `${MARKUP}_1\u202e`], { stdio: "inherit" });
  try {
    await look(async (page) => {
      await page.goto(`${lead.url}/#/workers`);
      await page.locator("table.workers").getByText(MARKUP).first().waitFor();
      await isHarmless(page, "workers");
      await page.setViewportSize({ width: 375, height: 800 });
      await isHarmless(page, "workers, narrow");
      await page.goto(`${lead.url}/#/logs`);
      await page.locator(".log-row").getByText(MARKUP).first().waitFor();
      await isHarmless(page, "logs");
    });
  } finally {
    stranger.kill();
    await lead.stop("SIGKILL");
  }
});

/** The cells of a CSV, unquoted. */
function cells(csv) {
  return [...csv.matchAll(/("(?:[^"]|"")*"|[^,"\r\n]*)(?:,|\r\n|$)/g)].map(([, cell]) => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell));
}

test("no cell of a CSV is a formula", async () => {
  for (const file of ["stats/requests/csv", "stats/failures/csv", "exceptions/csv"]) {
    const found = cells(await master.text(file));
    assert.ok(found.length > 50, file);
    assert.deepEqual(found.filter((cell) => /^[=+\-@\t\r]/.test(cell) && !/^-?\d+(\.\d+)?$/.test(cell)), [], file);
  }
});

test("the report holds the attacks as text, and asks nobody", async () => {
  const path = join(folder, "report.html");
  writeFileSync(path, await master.text("api/v1/report?samples=1&logs=1"));
  await look(async (page) => {
    const requests = [];
    page.on("request", (one) => requests.push(one.url()));
    for (const [screen, ready, act] of SCREENS.slice(0, 5)) {
      await page.goto(`${pathToFileURL(path)}#/${screen}`);
      await page.locator(ready).first().waitFor();
      await act(page);
      await isHarmless(page, `report, ${screen}`);
    }
    assert.deepEqual(requests.filter((url) => !/^(file|data|blob):/.test(url)), []);
  });
});

/** fetch() sets headers of its own: here only those that are given are sent. */
function post(headers, body = '{"users": 1, "spawn_rate": 1}', path = "/api/v1/edit") {
  const { hostname, port } = new URL(master.url);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, method: "POST", headers: { "Content-Length": body.length, ...headers } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

test("commands of strangers are refused", async () => {
  const good = { "Content-Type": "application/json", "X-Katydid": "1" };
  assert.equal(await post({ ...good, Host: "evil.test" }), 421);
  assert.equal(await post({ ...good, Origin: "https://evil.test" }), 403);
  assert.equal(await post({ ...good, "Sec-Fetch-Site": "cross-site" }), 403);
  assert.equal(await post({ "Content-Type": "application/json" }), 403);
  assert.equal(await post({ "X-Katydid": "1", "Content-Type": "text/plain" }), 415);
  assert.equal(await post({ "X-Katydid": "1" }), 415);
  assert.equal(await post(good), 200);
});
