/* The page over made-up runs: starts and ranges at every width and theme, hostile names, the keyboard,
 * the range that rules all numbers, panels that fail, a master that is silent. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { HERE, get, openBrowser, startServer, watch } from "./browser.mjs";
import { fakeMaster } from "./fake-master.mjs";
import { choose } from "./real.mjs";

const BUILD = dirname(process.env.KATYDID_BIN ?? "../build/katydid");
const DIST = process.env.KATYDID_DIST ?? join(HERE, "../../dist");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

/** A page of its own over a master of its own; both are gone after `use`, and no complaint is allowed. */
async function visit(options, hash, use) {
  const master = await fakeMaster({ dist: DIST, ...options });
  const page = await browser.context.newPage();
  const complaints = watch(page);
  try {
    if (options.width) await page.setViewportSize({ width: options.width, height: 800 });
    await options.before?.(page);
    await page.goto(`${master.url}/${hash}`);
    await page.locator("main h1").first().waitFor({ state: "attached" });
    await use(page, master);
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
    await master.close();
  }
}

async function findings(page) {
  await page.evaluate(AXE); // by the protocol: the page's own policy stays as it is
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

async function eventually(check, what, seconds = 90) {
  const until = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < until) {
    last = await check().catch((error) => error);
    if (last === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`waited ${seconds} s for ${what}; last: ${last}`);
}

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const tile = (page, name) => page.locator(".tile", { has: page.getByRole("heading", { name, exact: true }) }).locator(".tile-value");
const cell = (page, column) => page.locator(`.row.total .${column}`).innerText();
/* As the page itself has it: what the driver was told of it may be older. */
const query = async (page) => new URLSearchParams((await page.evaluate(() => location.hash)).split("?")[1] ?? "");
const range = (master, from, to) => `range=${master.started + from}-${master.started + to}`;
const RUN = { rows: 40, seconds: 300, hot: true };
const START = Math.floor(Date.now() / 1000) - 300;

/* Those that a real run does not have at hand; the others are in access.test.mjs and screens.test.mjs. */
const SCENES = [
  ["start", { idle: true, workers: 1 }, "", "h1"],
  ["start without a worker", { idle: true, workers: 0 }, "", "h1"],
  ["a range", { ...RUN, started: START }, `#/live?${range({ started: START }, 60, 120)}`, ".range-chip"],
];
for (const [name, options, hash, ready] of SCENES) {
  test(`${name}: accessible and whole at every width and theme`, async () => {
    await visit(options, hash, async (page) => {
      await page.locator(ready).first().waitFor();
      for (const theme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme: theme });
        for (const width of [1440, 768, 375]) {
          await page.setViewportSize({ width, height: 800 });
          await page.locator(ready).first().waitFor();
          assert.deepEqual(await findings(page), [], `${theme} ${width}`);
          assert.ok((await overflow(page)) <= 0, `${theme} ${width}: nothing beside the page`);
        }
      }
    });
  });
}

test("a browser whose language is no language tag shows the page", async () => {
  const before = (page) => page.addInitScript(() => Object.defineProperty(Navigator.prototype, "language", { get: () => "en-US@posix" }));
  await visit({ ...RUN, before }, "#/live", (page) => page.locator(".tile-value").first().waitFor());
});

test("dialogs are accessible and close with Escape", async () => {
  await visit(RUN, "", async (page) => {
    for (const name of ["Edit load", "Stop", "Set a marker…", "Save a report…", "Reset the statistics…", "Keyboard shortcuts"]) {
      const button = page.getByRole("button", { name, exact: true });
      if (await button.count()) await button.click();
      else await choose(page, name);
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await findings(page), [], name);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
  });
});

test("a brush on a chart makes every number one of the range, and the full stop returns", async () => {
  await visit(RUN, "", async (page, master) => {
    await page.locator("#throughput-title").waitFor();
    const whole = await tile(page, "Requests per second").innerText();
    const box = await page.locator(".chart-box").first().boundingBox();
    await page.mouse.move(box.x + box.width * 0.4, box.y + 80);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 90, { steps: 6 });
    await page.mouse.up();
    await page.locator(".range-chip").waitFor();
    const [from, to] = (await query(page)).get("range").split("-").map(Number);
    assert.ok(from > master.run.started && to < master.run.now && to - from > 20, `${from} ${to}`);
    assert.equal((await query(page)).get("run"), "fake-1");
    const expected = master.run.range(from, to);
    await eventually(async () => (await page.locator(".tile-note").nth(2).innerText()).startsWith(`${expected.total[2]} of`), "failures of the range");
    await page.locator(".nav").getByRole("link", { name: "Endpoints" }).click();
    await eventually(async () => (await cell(page, "requests")).replaceAll(",", "") === String(expected.total[1]), "the total of the range");
    const first = expected.rows.find((row) => row[0] === 1);
    await page.getByLabel("Filter the endpoints").fill("item-00000");
    await eventually(async () => (await page.locator(".grid-body .row .requests").first().innerText()).replaceAll(",", "") === String(first[1]), "the row of the range");
    await page.locator(".grid-scroll").focus();
    await page.keyboard.press(".");
    await page.locator(".range-chip").waitFor({ state: "detached" });
    await page.getByRole("link", { name: "Live", exact: true }).click();
    await eventually(async () => (await tile(page, "Requests per second").innerText()) !== "" && (await page.locator(".live-dot").count()) === 1, `live again, was ${whole}`);
  });
});

test("the strip selects by dragging and by keys; zoom and pan follow", async () => {
  await visit(RUN, "", async (page, master) => {
    const strip = page.getByRole("slider", { name: "Selected range of the run" });
    const box = await strip.boundingBox();
    await page.mouse.move(box.x + box.width * 0.25, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 20, { steps: 4 });
    await page.mouse.up();
    await page.locator(".range-chip").waitFor();
    const read = async () => (await query(page)).get("range").split("-").map(Number);
    const [from, to] = await read();
    const length = master.run.now - master.run.started;
    assert.ok(Math.abs((from - master.run.started) / length - 0.25) < 0.05, "the left edge is where the drag began");
    await strip.focus();
    await page.keyboard.press("ArrowRight");
    const [right, rightTo] = await read();
    assert.ok(right > from && rightTo > to);
    await page.keyboard.press("Shift+ArrowLeft");
    const [a, b] = await read();
    assert.ok(b - a < to - from);
    await page.locator("#main").focus();
    await page.keyboard.press("+");
    const [c, d] = await read();
    assert.ok(d - c < b - a);
    await page.keyboard.press("[");
    assert.ok((await read())[0] < a + (b - a) / 2);
    await page.keyboard.press("Escape");
    await page.locator(".range-chip").waitFor({ state: "detached" });
  });
});

test("the strip has all of the run as soon as its seconds are here", async () => {
  const fail = (url) => url.pathname.endsWith("/series") && !url.searchParams.has("step"); // only the page's history comes
  await visit({ ...RUN, hertz: 0, fail }, "", async (page) => {
    const isPainted = () => page.locator(".strip canvas").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(Math.round(canvas.width / 2), 0, 1, canvas.height);
      return data.filter((_, i) => i % 4 === 3 && data[i] > 0).length > canvas.height / 2;
    });
    await eventually(isPainted, "the middle of the strip", 30);
  });
});

test("a link brings the same picture: screen, range, endpoint, filter, sort and columns", async () => {
  const started = START;
  const hash = `#/endpoints?filter=section-0&sort=-p95&columns=requests%2Cp999&row=POST%20/section-01/item-00001&${range({ started }, 100, 160)}&run=fake-1`;
  await visit({ ...RUN, started }, hash, async (page) => {
    await page.locator("#drill-title", { hasText: "item-00001" }).waitFor();
    await page.locator(".range-chip").waitFor();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    assert.equal(await page.getByLabel("Filter the endpoints").inputValue(), "section-0");
    await page.locator(".head .p999").waitFor();
    assert.equal(await page.locator(".head .p50").count(), 0);
    await page.getByRole("link", { name: "Live", exact: true }).click();
    await page.locator("#throughput-title").waitFor();
    assert.equal((await query(page)).get("range"), `${started + 100}-${started + 160}`);
  });
});

test("a link of another run says so instead of showing other numbers", async () => {
  await visit({ ...RUN, started: START }, `#/live?${range({ started: START }, 10, 20)}&run=older`, async (page) => {
    await page.getByText("This link is of another run").waitFor();
    assert.equal(await page.getByRole("link", { name: "Look among the stored runs" }).getAttribute("href"), "#/runs");
    await page.getByRole("button", { name: "Show this run" }).click();
    await page.locator(".chart canvas").first().waitFor();
  });
});

test("legends isolate and switch; a panel is a table, a file, and as large as the page", async () => {
  await visit(RUN, "", async (page) => {
    const legend = (name) => page.locator("section.chart", { has: page.locator("#latency-title") }).getByRole("button", { name: new RegExp(`^${name} `) });
    await legend("p95").click();
    assert.deepEqual(await Promise.all(["p50", "p95", "p99"].map((name) => legend(name).getAttribute("aria-pressed"))), ["false", "true", "false"]);
    await legend("p95").click();
    await legend("p50").click({ modifiers: ["Shift"] });
    assert.deepEqual(await Promise.all(["p50", "p95", "p99"].map((name) => legend(name).getAttribute("aria-pressed"))), ["false", "true", "true"]);
    const panel = page.locator("section.chart", { has: page.locator("#throughput-title") });
    await panel.locator(".chart-box").focus();
    await page.keyboard.press("t");
    await panel.locator(".chart-table tbody tr").first().waitFor();
    assert.equal(await panel.locator(".chart-table tbody tr").count(), 25);
    await panel.getByRole("button", { name: "Older" }).click();
    await panel.locator(".chart-table").focus();
    await page.keyboard.press("t");
    await panel.locator("canvas").first().waitFor();
    for (const [item, name] of [["Save as CSV", "katydid-throughput.csv"], ["Save as PNG", "katydid-throughput.png"]]) {
      await panel.getByRole("button", { name: "Throughput: more" }).click();
      const download = page.waitForEvent("download");
      await panel.getByRole("menuitem", { name: item }).click();
      assert.equal((await download).suggestedFilename(), name);
    }
    await panel.locator(".chart-box").focus();
    await page.keyboard.press("f");
    await page.locator(".chart.is-full").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".chart.is-full").waitFor({ state: "detached" });
  });
});

test("the cursor of one chart is the cursor of all, and the arrow keys read it", async () => {
  await visit(RUN, "", async (page) => {
    await page.locator("#status-title").waitFor();
    await page.locator(".chart-box").first().hover();
    const visible = () => page.locator(".u-cursor-x").evaluateAll((all) => all.filter((line) => !line.classList.contains("u-off")).length);
    await eventually(async () => (await visible()) >= 6, "cursors on the charts");
    await page.locator(".chart-box").first().focus();
    await page.keyboard.press("ArrowLeft");
    await page.locator(".chart [aria-live]").filter({ hasText: "ok" }).first().waitFor({ state: "attached" });
  });
});

test("space freezes the view, and shows everything afterwards", async () => {
  await visit({ ...RUN, hertz: 0 }, "", async (page, master) => {
    const before = await page.locator(".elapsed").innerText();
    await page.keyboard.press(" ");
    await page.getByRole("button", { name: /^Frozen/ }).waitFor();
    for (let i = 0; i < 3; i++) master.tick();
    await page.getByRole("button", { name: "Frozen, 3 held" }).waitFor();
    assert.equal(await page.locator(".elapsed").innerText(), before);
    await page.keyboard.press(" ");
    await eventually(async () => (await page.locator(".elapsed").innerText()) !== before, "the clock to go on");
  });
});

test("a marker is set by key and drawn", async () => {
  await visit(RUN, "", async (page) => {
    await page.locator(".chart canvas").first().waitFor();
    await page.keyboard.press("m");
    await page.getByLabel("What happened").fill("deployed <b>v2</b>");
    await page.getByRole("button", { name: "Set the marker" }).click();
    await page.locator(".events", { hasText: "deployed <b>v2</b>" }).waitFor();
  });
});

test("endpoints: filter, sort, groups, columns, the order is held, CSV", async () => {
  await visit({ ...RUN, rows: 200 }, "#/endpoints", async (page) => {
    const names = () => page.locator(".grid-body .row .name").allInnerTexts();
    await page.getByLabel("Filter the endpoints").fill("method:post item-0001");
    await eventually(async () => (await names()).length === 2, "two rows");
    await page.getByLabel("Filter the endpoints").fill("p95>nonsense");
    await page.getByLabel("Filter the endpoints").fill("colour>3");
    await page.getByText("no column “colour”").waitFor();
    await page.getByLabel("Filter the endpoints").fill("");
    await page.locator(".head .p95 button").click();
    assert.equal(await page.locator(".head .p95").getAttribute("aria-sort"), "descending");
    await page.getByText("order held").waitFor();
    await page.getByLabel("Group by").selectOption("1");
    await page.locator(".grid-body .row", { hasText: "/section-00/*" }).first().waitFor();
    await page.locator(".grid-body .row", { hasText: "/section-07/*" }).click();
    await eventually(async () => (await page.getByLabel("Filter the endpoints").inputValue()) === "/section-07/", "the filter of the group");
    await page.locator("summary", { hasText: "Columns" }).click();
    await page.getByLabel("p99.9", { exact: true }).check();
    await page.locator(".head .p999").waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "CSV" }).click();
    const text = readFileSync(await (await download).path(), "utf8");
    assert.equal(text.split("\r\n").length, 1 + 1 + 5 + 1);
    assert.match(text, /^Type,Name,Requests/);
  });
});

test("a row is opened, walked from and closed by the keyboard", async () => {
  await visit(RUN, "#/endpoints", async (page) => {
    const grid = page.getByRole("grid", { name: "Endpoints" });
    await grid.focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.locator(".drill canvas").first().waitFor();
    const first = await page.locator("#drill-title").innerText();
    await page.keyboard.press("j");
    await eventually(async () => (await page.locator("#drill-title").innerText()) !== first, "the next row");
    for (const title of ["Distribution", "Percentile curve", "Heatmap", "Time against load", "Phases", "Status codes"])
      await page.locator(".drill h2", { hasText: title }).first().waitFor();
    await eventually(async () => (await page.locator(".drill canvas").count()) >= 6, "six charts");
    await page.keyboard.press("Escape");
    await page.locator(".drill").waitFor({ state: "detached" });
  });
});

test("ticked rows are side by side in one chart, by pointer, by key and by link", async () => {
  await visit(RUN, "#/endpoints", async (page) => {
    const legend = () => page.locator("section:has(#ticked-title) .legend-entry").count();
    await page.getByRole("checkbox", { name: "Draw this row" }).first().click();
    await page.locator("section:has(#ticked-title) canvas").waitFor();
    const ticked = await page.locator(".grid-body .row", { has: page.getByRole("checkbox", { checked: true }) }).locator(".name").innerText(); // the order may have changed
    assert.match(await page.locator("section:has(#ticked-title) .legend-entry").innerText(), new RegExp(ticked.slice(0, 8)));
    assert.equal(await page.locator(".drill").count(), 0, "the row is not opened");
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await eventually(async () => (await legend()) === 2, "two lines");
    await page.getByRole("group", { name: "What is drawn" }).getByRole("button", { name: "req/s" }).click();
    await page.locator("#ticked-title", { hasText: "requests/s" }).waitFor();
    assert.deepEqual(await findings(page), []);
    await page.reload();
    await eventually(async () => (await legend()) === 2, "the link has them");
    await eventually(async () => (await page.getByRole("checkbox", { checked: true }).count()) === 2, "both are ticked");
    await page.getByRole("button", { name: "Untick all" }).click();
    await page.locator("#ticked-title").waitFor({ state: "detached" });
  });
});

test("a panel that fails says so beside those that work, and tries again", async () => {
  let isBroken = true;
  await visit({ ...RUN, fail: (url) => isBroken && url.pathname.endsWith("/heatmap") }, "", async (page) => {
    const panel = page.locator("section.chart", { has: page.locator("#heatmap-title") });
    await panel.getByText("The master answered 404").waitFor();
    await page.locator("#throughput-title").waitFor();
    isBroken = false;
    // The panel asks by itself too, and may be the first.
    await Promise.any([panel.getByRole("button", { name: "Try again" }).click(), panel.locator("canvas").first().waitFor()]);
    await panel.locator("canvas").first().waitFor();
  });
});

test("the charts of a selection that could not be had have a way to try again", async () => {
  let isBroken = true;
  const started = Math.floor(Date.now() / 1000) - 3 * 3600;
  const options = { ...RUN, seconds: 3 * 3600, started, fail: (url) => isBroken && url.pathname.endsWith("/series") };
  const panel = (page, id) => page.locator("section.chart", { has: page.locator(`#${id}-title`) });
  for (const [screen, ids] of [["live", ["throughput", "latency"]], ["workers", ["worker-users"]], ["endpoints", ["drill-latency", "drill-rate"]]])
    await visit(options, `#/${screen}?${range({ started }, 600, 1200)}`, async (page) => {
      if (screen === "endpoints") await page.locator(".grid-body .row").first().click();
      for (const id of ids) await panel(page, id).getByText("The master answered 404").waitFor();
      isBroken = false; // nothing is asked by itself: the selection does not move
      await panel(page, ids[0]).getByRole("button", { name: "Try again" }).click();
      for (const id of ids) await panel(page, id).locator("canvas").first().waitFor();
      isBroken = true;
    });
});

test("hostile names and messages stay text", async () => {
  await visit({ rows: 12, seconds: 60, hostile: true }, "#/endpoints", async (page) => {
    await page.getByText("<img src=x onerror=alert(1)>").first().waitFor();
    await page.getByText("\\u202eevil").first().waitFor();
    assert.equal(await page.locator("main img, main script").count(), 0);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "CSV" }).click();
    assert.match(readFileSync(await (await download).path(), "utf8"), /'=cmd/);
    await page.getByText("<img src=x").first().click();
    await page.locator("#drill-title", { hasText: "<img src=x" }).waitFor();
    await page.goto(page.url().replace(/#.*/, "#/failures"));
    await page.locator("main").getByText("<img src=x").first().waitFor();
    assert.equal(await page.locator("main img").count(), 0);
  });
});

test("the keyboard reaches every screen, the filter and the theme", async () => {
  await visit(RUN, "", async (page) => {
    await page.locator(".chart canvas").first().waitFor();
    for (const [key, screen] of [["e", "endpoints"], ["f", "failures"], ["w", "workers"], ["l", "live"]]) {
      await page.keyboard.press("g");
      await page.keyboard.press(key);
      await page.waitForURL(new RegExp(`#/${screen}`));
    }
    await page.keyboard.press("/");
    await page.waitForFunction(() => document.activeElement?.id === "filter");
    await page.keyboard.type("gd");
    assert.equal(await page.getByLabel("Filter the endpoints").inputValue(), "gd");
    await page.keyboard.press("Escape");
    const before = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.keyboard.press("d");
    await page.keyboard.press("d");
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), before);
  });
});

test("without sockets the page polls", async () => {
  await visit({ ...RUN, before: (page) => page.addInitScript(() => {
    globalThis.WebSocket = class {
      readyState = 3;
      constructor() { setTimeout(() => this.onclose?.(), 10); }
      close() {}
      send() {}
    };
  }) }, "", async (page) => {
    const first = await page.locator(".elapsed").innerText();
    await page.waitForFunction((text) => document.querySelector(".elapsed").textContent !== text, first);
  });
});

test("what was missed while disconnected is fetched: the charts have no hole", async () => {
  await visit({ ...RUN, hertz: 4 }, "", async (page, master) => {
    await page.locator(".chart canvas").first().waitFor();
    for (const viewer of master.sockets) viewer.isPaused = true;
    const seen = page.waitForResponse((answer) => /series\?from=\d{6,}/.test(answer.url()), { timeout: 180_000 });
    // In one look: it connects again by itself.
    await page.waitForFunction(() => document.getElementById("disconnected") !== null && [...document.querySelectorAll("button")].some((button) => button.textContent.trim() === "Stop" && button.disabled));
    // On a slow machine the page tries again by itself before anybody can click.
    const clicked = page.getByRole("button", { name: "Retry now" }).click({ timeout: 30_000 }).catch(() => {});
    await page.locator("#disconnected").waitFor({ state: "detached", timeout: 90_000 });
    await clicked;
    assert.equal((await seen).status(), 200);
  });
});

test("files are cached by name, the page itself is not, and every answer is guarded", async () => {
  const server = await startServer(join(BUILD, "support/webdemo"), []);
  try {
    const html = await get(server.url);
    assert.equal(html.headers["cache-control"], "no-store");
    assert.match(html.headers["content-security-policy"], /default-src 'none'; script-src 'self'/);
    const script = /src="\.\/(assets\/[^"]+)"/.exec(html.text)[1];
    const asset = await get(`${server.url}/${script}`);
    assert.match(asset.headers["cache-control"], /immutable/);
    const again = await get(`${server.url}/${script}`, { "If-None-Match": asset.headers.etag });
    assert.equal(again.status, 304);
    for (const path of ["/", "/nothing", "/api/v1/state", `/${script}`, "/stop?x=%"]) {
      const { headers } = await get(server.url + path);
      assert.equal(headers["x-content-type-options"], "nosniff", path);
      assert.equal(headers["x-frame-options"], "DENY", path);
      assert.equal(headers["access-control-allow-origin"], undefined, path);
    }
  } finally {
    await server.stop("SIGKILL");
  }
});
