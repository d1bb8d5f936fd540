/* The page over made-up runs (tests/support/webdemo.c): every screen at every width and theme,
 * hostile names, thousands of endpoints, polling, the keyboard. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { openBrowser, startServer, watch } from "./browser.mjs";

const BUILD = dirname(process.env.KATYDID_BIN ?? "../build/katydid");
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const demo = (...args) => startServer(join(BUILD, "support/webdemo"), args);

let browser;
before(async () => (browser = await openBrowser()));
after(() => browser?.close());

/** A page of its own over a server of its own; both are gone after `use`, and no complaint is allowed. */
async function visit(args, hash, use, options = {}) {
  const server = await demo(...args);
  const page = await browser.context.newPage();
  const complaints = watch(page);
  try {
    if (options.width) await page.setViewportSize({ width: options.width, height: 800 });
    if (options.theme) await page.emulateMedia({ colorScheme: options.theme });
    await options.before?.(page);
    await page.goto(`${server.url}/${hash}`);
    await page.locator("main h1").first().waitFor({ state: "attached" });
    await use(page, server);
    assert.deepEqual(complaints, []);
  } finally {
    await page.close();
    await server.stop("SIGKILL");
  }
}

async function findings(page) {
  await page.evaluate(AXE); // by the protocol: the page's own policy stays as it is
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter((violation) => ["serious", "critical"].includes(violation.impact))
    .map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join(", ")}`);
}

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

const RUN = ["--running", "--workers", "5", "--rows", "40", "--history", "120"];
const SCENES = [
  ["start", [], "", "h1"],
  ["start without a worker", ["--workers", "0"], "", "h1"],
  ["live", RUN, "", ".chart canvas"],
  ["endpoints", RUN, "#/endpoints", ".row.total, .card.total"],
  ["failures", RUN, "#/failures", "table.failures td"],
  ["workers", RUN, "#/workers", "table.workers td"],
];
for (const [name, args, hash, ready] of SCENES) {
  test(`${name}: accessible and whole at every width and theme`, async () => {
    await visit(args, hash, async (page) => {
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

test("dialogs are accessible and close with Escape", async () => {
  await visit(RUN, "", async (page) => {
    for (const name of ["Edit load", "Reset", "Stop", "Keyboard shortcuts"]) {
      await page.getByRole("button", { name, exact: true }).click();
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await findings(page), [], name);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
  });
});

test("hostile names and messages stay text", async () => {
  await visit(["--running", "--hostile", "--history", "60"], "#/endpoints", async (page) => {
    await page.getByText("<img src=x onerror=alert(1)>").first().waitFor();
    await page.getByText("\\u202eevil").first().waitFor();
    assert.equal(await page.locator("main img, main script").count(), 0);
    await page.goto(page.url().replace("endpoints", "failures"));
    await page.getByText("<b>boom</b> \\u0001").first().waitFor();
    assert.equal(await page.locator("main b").count(), 0);
  });
});

test("ten thousand endpoints are few nodes, and sort and filter at once", async () => {
  await visit(["--running", "--rows", "10000"], "#/endpoints", async (page) => {
    await page.locator(".grid-body .row").first().waitFor();
    assert.ok((await page.evaluate(() => document.querySelectorAll("*").length)) < 3000);
    await page.locator(".head .p95 button").click();
    await page.locator(".head .p95[aria-sort=descending], .head .p95[aria-sort=ascending]").waitFor();
    await page.getByLabel("Filter the endpoints").fill("section-0042/ method:get");
    await page.getByText("0 of").or(page.getByText("hidden by the filter")).or(page.locator(".grid-body .row")).first().waitFor();
    await page.locator(".grid-scroll, .empty").first().waitFor();
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
    await page.goto(page.url().replace(/#.*/, "#/live"));
    await page.locator(".chart-box").first().focus();
    await page.keyboard.press("ArrowLeft");
    await page.locator(".chart [aria-live]").filter({ hasText: "ok" }).first().waitFor({ state: "attached" });
  });
});

test("without sockets the page polls", async () => {
  await visit(RUN, "", async (page) => {
    const first = await page.locator(".elapsed").innerText();
    await page.waitForFunction((text) => document.querySelector(".elapsed").textContent !== text, first);
  }, { before: (page) => page.addInitScript(() => {
    globalThis.WebSocket = class {
      readyState = 3;
      constructor() { setTimeout(() => this.onclose?.(), 10); }
      close() {}
      send() {}
    };
  }) });
});

test("what was missed while disconnected is fetched: the charts have no hole", async () => {
  await visit(RUN, "", async (page, server) => {
    await page.locator(".chart canvas").first().waitFor();
    const seen = page.waitForResponse((answer) => /series\?from=\d{6,}/.test(answer.url()), { timeout: 30_000 });
    server.child.kill("SIGSTOP");
    await page.locator("#disconnected").waitFor({ timeout: 10_000 });
    assert.deepEqual(await findings(page), []);
    await page.getByText("Next try in").or(page.getByText("Trying to reconnect")).first().waitFor({ timeout: 10_000 });
    server.child.kill("SIGCONT");
    await page.locator("#disconnected").waitFor({ state: "detached", timeout: 25_000 });
    assert.equal((await seen).status(), 200);
  });
});

test("files are cached by name, the page itself is not, and every answer is guarded", async () => {
  const server = await demo();
  try {
    const html = await fetch(server.url);
    assert.equal(html.headers.get("cache-control"), "no-store");
    assert.match(html.headers.get("content-security-policy"), /default-src 'none'; script-src 'self'/);
    const script = /src="\.\/(assets\/[^"]+)"/.exec(await html.text())[1];
    const asset = await fetch(`${server.url}/${script}`);
    assert.match(asset.headers.get("cache-control"), /immutable/);
    const again = await fetch(`${server.url}/${script}`, { headers: { "If-None-Match": asset.headers.get("etag") } });
    assert.equal(again.status, 304);
    for (const path of ["/", "/nothing", "/api/v1/state", `/${script}`, "/stop?x=%"]) {
      const { headers } = await fetch(server.url + path);
      assert.equal(headers.get("x-content-type-options"), "nosniff", path);
      assert.equal(headers.get("x-frame-options"), "DENY", path);
      assert.equal(headers.get("access-control-allow-origin"), null, path);
    }
  } finally {
    await server.stop("SIGKILL");
  }
});
