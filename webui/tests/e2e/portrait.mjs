/* Pictures of every screen, of a real run: node portrait.mjs KATYDID OUT_DIR [all]
 *
 * Starts the sample shop and a test against it, ends one of its workers by force, and photographs
 * the screens in both themes. With `all` at the widths of a desk, a tablet and a phone too, for
 * people who work on the page. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HERE, openBrowser, startServer, watch } from "./browser.mjs";

const [katydid, out, mode] = process.argv.slice(2);
const SECONDS = Number(process.env.KATYDID_PORTRAIT_S ?? 90);
const WIDTHS = mode === "all" ? [[1440, 900], [1024, 768], [375, 812]] : [[1440, 900]];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Name of the picture, screen, what is done before. */
const SCENES = [
  ["dashboard", "live"],
  ["verdict", "verdict"],
  ["endpoints", "endpoints?sort=-requests"],
  ["drill-down", "endpoints?sort=-requests", async (page) => {
    await page.locator(".grid-body .row, .cards .card-open").nth(1).click();
    await page.locator(".drill canvas").first().waitFor();
    await sleep(1500);
  }],
  ["failures", "failures", async (page) => {
    await page.getByRole("button", { name: /^Samples of/ }).first().click();
    await page.locator(".sample-sides").first().waitFor();
    await page.locator("main").evaluate((main) => main.scrollTo(0, 0));
  }],
  ["metrics", "metrics"],
  ["workers", "workers"],
  ["logs", "logs"],
  ["new-test", "new"],
];

/** Of the Load screen: a rate that was turned up, users that rose, and what was dropped when there were too few. */
const SCENARIOS = [
  "browse:constant-arrival-rate:class=Visitor,rate=60/s,graceful_stop=0",
  "buy:ramping-arrival-rate:class=Buyer,stages=25s:40/s,forever:40/s,max_users=120,graceful_stop=0",
  "staff:ramping-vus:class=Visitor,stages=20s:30,forever:30,graceful_stop=0",
].flatMap((text) => ["--scenario", text]);

async function change(master, fields) {
  const headers = { "Content-Type": "application/json", "X-Katydid": "1" };
  await fetch(`${master.url}/api/v1/scenario`, { method: "POST", headers, body: JSON.stringify(fields) });
}

/** The processes that a command started, by their parent. */
function children(pid) {
  const rows = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n").map((row) => row.trim().split(/\s+/));
  return rows.filter(([, parent]) => Number(parent) === pid).map(([child, , ...words]) => ({ pid: Number(child), command: words.join(" ") }));
}

async function photograph(master, scenes, base = "") {
  for (const theme of ["light", "dark"])
    for (const [width, height] of WIDTHS) {
      const browser = await openBrowser({ colorScheme: theme, viewport: { width, height } });
      for (const [name, hash, act] of scenes) {
        const page = await browser.context.newPage();
        const complaints = watch(page);
        await page.goto(`${master.url}${base}#/${hash}`);
        await page.locator("main h1").first().waitFor({ state: "attached" });
        await sleep(1800);
        await act?.(page).catch((error) => complaints.push(String(error)));
        await sleep(300);
        await page.screenshot({ path: join(out, WIDTHS.length > 1 ? `${name}-${width}-${theme}.png` : `${name}-${theme}.png`) });
        for (const complaint of complaints) console.log(`${name} ${width} ${theme}: ${complaint}`);
        await page.close();
      }
      await browser.close();
    }
}

mkdirSync(out, { recursive: true });
const files = join(HERE, "../../../locustfiles");
const shop = await startServer("/usr/bin/python3", [join(files, "_shop.py"), "--errors", "0.06"]);
const ready = /Starting web interface at (http:\/\/\S+?),/;
const folder = mkdtempSync(join(tmpdir(), "shop-")); // its path is in tracebacks
copyFileSync(join(HERE, "portrait_shop.py"), join(folder, "shop.py"));
const run = ["-f", join(folder, "shop.py"), "-H", shop.url, "--web-port", "0"];
const limits = ["p95 < 300ms", "fail_ratio < 1%", "p95 of 'GET /api/cart' < 20ms", "check_ratio > 99%"].flatMap((text) => ["--threshold", text]);
const master = await startServer(katydid, [...run, ...limits, "--autostart", "-u", "120", "-r", "4", "--processes", "3"], ready);
try {
  await sleep(SECONDS * 500);
  const worker = children(master.child.pid).findLast(({ command }) => command.includes("katydid-worker"));
  if (worker === undefined) throw new Error(`no worker among ${JSON.stringify(children(master.child.pid))}`);
  process.kill(worker.pid, "SIGKILL");
  await sleep(SECONDS * 500);
  await photograph(master, SCENES.filter(([name]) => name !== "new-test"));
  await master.stop("SIGTERM");
  const open = await startServer(katydid, [...run, ...SCENARIOS, "--autostart", "--processes", "3"], ready);
  await sleep(SECONDS * 400);
  await change(open, { name: "browse", rate: "120/s" });
  await sleep(SECONDS * 200);
  await photograph(open, [["load", "load"]]).finally(() => open.stop("SIGTERM"));
  const idle = await startServer(katydid, run, ready);
  await sleep(2000);
  await photograph(idle, SCENES.filter(([name]) => name === "new-test")).finally(() => idle.stop("SIGTERM"));
} finally {
  await master.stop("SIGTERM");
  await shop.stop("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
}
