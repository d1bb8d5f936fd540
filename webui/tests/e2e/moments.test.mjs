/* What the page says about a moment and a filter: a tip with the time, a pinned moment in the address, the band, the
 * filter's words. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HERE, openBrowser, watch } from "./browser.mjs";
import { fakeMaster } from "./fake-master.mjs";

const DIST = process.env.KATYDID_DIST ?? join(HERE, "../../dist");

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

async function visit(hash, use, options = {}) {
  const master = await fakeMaster({ dist: DIST, rows: 12, seconds: 300, hertz: 0, ...options });
  const page = await browser.context.newPage();
  const complaints = watch(page);
  try {
    await page.goto(`${master.url}/${hash}`);
    await page.locator("main h1").first().waitFor({ state: "attached" });
    await use(page, master);
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
    await master.close();
  }
}

const chart = (page, title) => page.locator(".panel.chart", { has: page.getByRole("heading", { name: title }) });

test("a chart tells the moment under the pointer; a click pins it into the address", async () => {
  await visit("#/live", async (page) => {
    const latency = chart(page, "Response time");
    await latency.locator(".u-over").hover({ position: { x: 200, y: 60 } });
    const tip = latency.locator(".tip");
    await tip.getByText(/^\d\d:\d\d:\d\d/).waitFor();
    const values = (await tip.locator("dd").allInnerTexts()).map(Number);
    assert.deepEqual(values, [...values].sort((a, b) => b - a));
    assert.equal(values.length, 3);
    await latency.locator(".u-over").click({ position: { x: 200, y: 60 } });
    await page.waitForFunction(() => /at=\d+\.latency/.test(location.hash));
    await page.reload();
    await latency.locator(".tip.pinned").getByText("pinned").waitFor();
  });
});

test("plots of neighbours begin at one height, and those below each other at one edge", async () => {
  for (const hash of ["#/live", "#/endpoints?row=GET+%2Fsection-00%2Fitem-00000"])
    await visit(hash, async (page) => {
      await page.locator("#kinds-title, #drill-curve-title").waitFor();
      for (const width of [1440, 1024]) {
        await page.setViewportSize({ width, height: 900 });
        await page.waitForFunction(() => [...document.querySelectorAll(".charts .chart-box canvas")].length >= 4);
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        const boxes = await page.locator(".charts > .chart > .chart-box").evaluateAll((all) => all.map((box) => {
          const [{ top, left, right }, panel] = [box.getBoundingClientRect(), box.closest(".panel").getBoundingClientRect()];
          return { of: box.closest(".panel").getAttribute("aria-labelledby"), panel: Math.round(panel.top), top: Math.round(top), column: Math.round(panel.left), edges: `${Math.round(left)} ${Math.round(right)}` };
        }));
        assert.ok(boxes.length >= 4);
        for (const [key, value] of [["panel", "top"], ["column", "edges"]])
          for (const box of boxes) assert.deepEqual(boxes.filter((other) => other[key] === box[key] && other[value] !== box[value]), [], `${hash} ${width} ${box.of}: ${JSON.stringify(box)}`);
      }
    });
});

test("a click on a cell of the heatmap opens the requests that lie in it", async () => {
  await visit("#/live", async (page, master) => {
    const heat = chart(page, "Latency heatmap");
    const over = heat.locator(".u-over");
    const { width, height } = await over.evaluate((element) => ({ width: element.clientWidth, height: element.clientHeight }));
    const point = { x: Math.round(width / 2), y: 0 };
    let cell = null;
    for (let y = 4; y < height && cell === null; y += 4) {
      point.y = y;
      await over.hover({ position: point });
      cell = /^([\d:]+), ([\d.]+) to ([\d.]+) ms: [1-9]/.exec(await heat.locator(".legend-note").innerText());
    }
    const [, time, low, high] = cell;
    const timeAt = (second) => new Date(second * 1000).toTimeString().slice(0, 8);
    let second = master.run.started;
    while (timeAt(second) !== time) second++;
    const one = { at: second + 0.5, worker: "worker-1", user: null, method: "GET", name: "/", url: "https://shop.test/inside", status: 200, phases: null, request_headers: null, request_body: null, response_headers: null, response_body: null, error: null };
    const middle = (Number(low) + Number(high)) / 2;
    const samples = [{ ...one, time_ms: middle }, { ...one, url: "https://shop.test/slower", time_ms: 3 * middle }, { ...one, url: "https://shop.test/later", at: second + 9, time_ms: middle }];
    await page.route("**/api/v1/samples?row=*", (route) => route.fulfill({ json: { samples } }));
    await page.route("**/api/v1/samples?kind=*", (route) => route.fulfill({ json: { samples: [] } }));
    await over.click({ position: point });
    await heat.locator(".cell-samples").getByText("shop.test/inside").first().waitFor();
    assert.doesNotMatch(await heat.locator(".cell-samples").innerText(), /slower|later/);
    await heat.getByRole("button", { name: "Close" }).click();
    await heat.locator(".cell-samples").waitFor({ state: "detached" });
  });
});

test("a request of a failure is looked for until there is one, and then nothing moves", async () => {
  await visit("#/failures", async (page, master) => {
    const one = { at: master.run.started + 9, worker: "worker-1", user: null, method: "POST", name: "/", url: "https://shop.test/first", status: 503, time_ms: 4, phases: null, request_headers: null, request_body: null, response_headers: null, response_body: null, error: "503" };
    let samples = [];
    let asked = 0;
    await page.route("**/api/v1/samples?*", (route) => {
      asked++;
      return route.fulfill({ json: { samples } });
    });
    await page.getByRole("button", { name: /^Samples of/ }).first().click();
    await page.getByText("No such request was written down").waitFor();
    samples = [one];
    for (const until = Date.now() + 90_000; (await page.getByText("shop.test/first").count()) === 0 && Date.now() < until;) {
      master.tick();
      await page.waitForTimeout(100);
    }
    await page.getByText("shop.test/first").waitFor();
    samples = [{ ...one, url: "https://shop.test/second" }];
    const before = asked;
    for (let i = 0; i < 6; i++) {
      master.tick();
      await page.waitForTimeout(100);
    }
    assert.equal(asked, before);
    await page.getByRole("button", { name: "Look for newer ones" }).click();
    await page.getByText("shop.test/second").waitFor();
  });
});

test("no tile's note is cut, and the table needs no scrolling sideways", async () => {
  async function readNotes(page, warning) {
    for (const width of [1440, 1024, 375]) {
      await page.setViewportSize({ width, height: 900 });
      await page.locator(".tile-note", { hasText: warning }).waitFor();
      const cut = await page.locator(".tile-note span:first-child").evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent));
      assert.deepEqual(cut, [], String(width));
    }
  }
  for (const hot of [174, 5000]) await visit("#/live?range=all", (page) => readNotes(page, /^▲.*[24]/), { hot, seconds: 5400 });
  await visit("#/live", async (page) => {
    await readNotes(page, "▲ 1 gone");
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.evaluate(() => (location.hash = "#/endpoints"));
    await page.locator(".grid-body .row").first().waitFor();
    for (const width of [1440, 1200, 1100, 1024, 800, 720]) {
      await page.setViewportSize({ width, height: 900 });
      await page.waitForFunction(() => {
        const grid = document.querySelector(".grid-scroll");
        return grid !== null && grid.scrollWidth <= grid.clientWidth;
      });
    }
  }, { gone: 1 });
});

test("the times of a selection are never cut", async () => {
  await visit("#/live", async (page, master) => {
    const { started } = master.run;
    await page.evaluate(([from, to]) => (location.hash = `#/live?range=${from}-${to}`), [started + 60, started + 150]);
    await page.locator(".range-chip").waitFor();
    for (const spacing of ["normal", "0.5px"]) { // other machines have wider letters
      await page.locator(".range-text").evaluate((text, width) => (text.style.letterSpacing = width), spacing);
      for (const width of [1440, 1280, 1200, 1100, 1024, 900, 800, 720, 375]) {
        await page.setViewportSize({ width, height: 900 });
        const cut = await page.locator(".range-text").evaluate((text) => text.scrollWidth - text.clientWidth);
        assert.ok(cut <= 0, `${width}, ${spacing}: ${cut} px`);
      }
    }
  });
});

test("users are in the band, and requests share their chart with nobody", async () => {
  await visit("#/live", async (page) => {
    await page.locator(".strip").hover();
    await page.locator(".strip-words").getByText(/\d+ of 200 users, \d+ requests\/s/).waitFor();
    assert.deepEqual(await chart(page, "Throughput").locator(".legend-entry > span:first-of-type").allInnerTexts(), ["ok", "failed"]);
  });
});

test("the filter takes headings and units, offers what comes next, and says what it does not know", async () => {
  await visit("#/endpoints", async (page) => {
    const filter = page.locator("#filter");
    await filter.fill("p95 > 0.001 s");
    await page.getByText(/^12 of 12/).waitFor();
    await filter.fill("-item p95 > 1 ms");
    await page.getByText(/^0 of 12/).waitFor();
    await filter.fill("p9");
    await page.getByRole("button", { name: /^p95 >/ }).click();
    await page.waitForFunction(() => document.getElementById("filter").value === "p95 > ");
    await filter.fill("speed > 3");
    await page.locator("#filter-note").getByText(/no column “speed”/).waitFor();
    await page.getByLabel("Filter help").click();
    await page.getByRole("button", { name: "cart|pay" }).click();
    await page.waitForFunction(() => document.getElementById("filter").value === "cart|pay");
  });
});

test("failures are told by cause with their endpoints", async () => {
  await visit("#/failures", async (page) => {
    await page.getByRole("columnheader", { name: "Cause" }).waitFor();
    await page.getByRole("button", { name: "Message" }).click();
    await page.getByRole("columnheader", { name: "Message" }).waitFor();
  });
});

test("a window that is low, as one enlarged to 200 %, has a screen in it, and the ways to the others", async () => {
  await visit("#/live", async (page) => {
    for (const [width, height] of [[512, 384], [900, 400]]) {
      await page.setViewportSize({ width, height });
      const [room, below] = await page.locator(".frame").evaluate((frame) => {
        frame.scrollTo(0, frame.scrollHeight);
        const [main, nav] = [frame.querySelector("main"), frame.querySelector(".nav")].map((part) => part.getBoundingClientRect());
        return [Math.min(main.bottom, innerHeight) - Math.max(main.top, 0), nav.bottom - innerHeight];
      });
      assert.ok(room > 0.7 * height, `${room} of ${height} px`);
      assert.ok(below <= 1, `the navigation ends ${below} px below the window`);
    }
  });
});

test("what is chosen is marked in forced colours too", async () => {
  await visit("#/live", async (page) => {
    await page.emulateMedia({ forcedColors: "active" });
    const colour = (selector) => page.locator(selector).first().evaluate((element) => getComputedStyle(element).backgroundColor);
    assert.notEqual(await colour(".nav a[aria-current]"), await colour(".nav a:not([aria-current])"));
    for (const group of [".segments", ".time-bar"]) assert.equal(await colour(`${group} [aria-pressed=true]`), await colour(".nav a[aria-current]"));
  });
});
