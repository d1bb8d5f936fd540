/* Parts of the tests over the real master: a target, a master with its locustfile, waiting, axe. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drawn, get, openBrowser, startServer, watch } from "./browser.mjs";

const KATYDID = process.env.KATYDID_BIN ?? "../build/katydid";
const READY = /Starting web interface at (http:\/\/[^\s,]+)/;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function startTarget(answer) {
  const server = createServer(answer);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A master with a folder of its own for the locustfile, gone with it. */
export async function startMaster(locustfile, args = [], name = "locustfile.py") {
  const folder = mkdtempSync(join(tmpdir(), "katydid-real-"));
  const path = join(folder, name);
  writeFileSync(path, locustfile);
  const master = await startServer(KATYDID, ["-f", path, "--web-port", "0", ...args], READY);
  return {
    ...master, path,
    json: async (route) => (await get(new URL(route, master.url))).json(),
    text: async (route) => (await get(new URL(route, master.url))).text,
    async stop(signal) {
      await master.stop(signal);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A target, a master with this locustfile (its arguments may name the target) and a browser with the master's page. */
export async function openRun(answer, locustfile, args = () => []) {
  const run = {
    async close() {
      await run.browser?.close();
      await run.master?.stop("SIGKILL");
      run.target?.close();
    },
  };
  try {
    run.target = await startTarget(answer);
    run.master = await startMaster(locustfile, args(run.target.url));
    run.browser = await openBrowser();
    run.page = await run.browser.context.newPage();
    run.complaints = watch(run.page);
    await run.page.goto(run.master.url);
  } catch (error) {
    await run.close();
    throw error;
  }
  return run;
}

/** An action of the menu at the right end of the top bar. */
export async function choose(page, name) {
  await page.getByRole("button", { name: "More", exact: true }).click();
  await page.getByRole("menuitem", { name }).click();
}

export async function eventually(check, what, seconds = 90) {
  const until = Date.now() + seconds * 1000;
  let last;
  while (Date.now() < until) {
    last = await Promise.resolve().then(check).catch((error) => error);
    if (last && !(last instanceof Error)) return last;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`waited ${seconds} s for ${what}; last: ${last}`);
}

/** The workers that a process started and that still are. */
export function children(pid) {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n").map((row) => row.trim().split(/\s+/));
  return rows.filter(([, parent, ...words]) => Number(parent) === pid && /katydid-worker\b(?!.*defunct)/.test(words.join(" "))).map(([child]) => Number(child));
}

/** Words that reach out of their panel, where nothing scrolls. */
function spilled() {
  const isOut = (box, panel) => box.width > 1 && (box.right > panel.right + 1 || box.left < panel.left - 1);
  return [...document.querySelectorAll(".panel *, .tile *")].filter((element) => {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "")) return false;
    if (!isOut(element.getBoundingClientRect(), element.closest(".panel, .tile").getBoundingClientRect())) return false;
    for (let box = element; !box.matches(".panel, .tile"); box = box.parentElement)
      if (getComputedStyle(box).overflowX !== "visible" || getComputedStyle(box).position === "absolute") return false;
    return true;
  }).map((element) => element.textContent.trim().slice(0, 60));
}

/** What axe finds that is serious, and what does not fit, in both themes at these widths; between the first and the last,
 * where themes differ in nothing, in one. */
export async function troubles(page, what, widths = [1440, 768, 375]) {
  const found = [];
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE); // by the protocol: the page's own policy stays as it is
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    for (const width of theme === "light" ? widths : [...new Set([widths[0], widths.at(-1)])]) {
      await page.setViewportSize({ width, height: 800 });
      await drawn(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) found.push(`${what} ${width}: ${wide} px too wide`);
      for (const words of await page.evaluate(spilled)) found.push(`${what} ${width}: out of its panel: ${words}`);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      for (const one of violations.filter(({ impact }) => impact === "serious" || impact === "critical"))
        found.push(`${what} ${theme} ${width} ${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} ${node.failureSummary}`).join("; ")}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1440, height: 900 });
  await drawn(page);
  return found;
}
