/* Pictures of every screen and state for human eyes: node screenshots.mjs OUT_DIR [pattern] */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openBrowser, startServer, watch } from "./browser.mjs";

const out = process.argv[2] ?? "screenshots";
const pattern = new RegExp(process.argv[3] ?? ".");
const build = process.env.KATYDID_BUILD ?? "../build";
const WIDTHS = [[1440, 900], [1024, 768], [375, 812]];
const demo = (...args) => startServer(`${build}/support/webdemo`, args);

const SCENES = [
  ["start", [], async () => {}],
  ["start-error", [], async (page) => {
    await page.getByLabel("Users", { exact: true }).fill("many");
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByRole("alert").waitFor();
  }],
  ["start-no-worker", ["--workers", "0"], async () => {}],
  ["live", ["--running", "--workers", "4", "--history", "400"], async () => {}],
  ["endpoints", ["--running", "--rows", "300", "--history", "60"], async () => {}, "#/endpoints?sort=-rps"],
  ["endpoints-hostile", ["--running", "--hostile", "--history", "60"], async () => {}, "#/endpoints"],
  ["failures", ["--running", "--workers", "3", "--rows", "12", "--history", "100"], async (page) => {
    await page.locator("summary").first().click();
  }, "#/failures"],
  ["workers", ["--running", "--workers", "5", "--history", "60"], async () => {}, "#/workers"],
  ["edit", ["--running", "--history", "60"], async (page) => {
    await page.getByRole("button", { name: "Edit load" }).click();
  }],
  ["stop", ["--running", "--history", "60"], async (page) => {
    await page.getByRole("button", { name: "Stop", exact: true }).click();
  }],
  ["stopped", ["--running", "--history", "90"], async (page) => {
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await page.getByRole("button", { name: "Stop the test" }).click();
    await page.locator(".actions").getByRole("link", { name: "New test" }).waitFor();
  }],
  ["disconnected", ["--running", "--history", "90"], async (page, server) => {
    server.child.kill("SIGSTOP");
    await page.locator("#disconnected").waitFor({ timeout: 10_000 });
  }],
];

mkdirSync(out, { recursive: true });
for (const [name, args, act, hash = ""] of SCENES.filter(([scene]) => pattern.test(scene))) {
  for (const theme of ["light", "dark"]) {
    for (const [width, height] of WIDTHS) {
      const server = await demo(...args);
      const browser = await openBrowser({ colorScheme: theme, viewport: { width, height } });
      const page = await browser.context.newPage();
      const complaints = watch(page);
      await page.goto(`${server.url}/${hash}`);
      await page.locator("main h1").first().waitFor({ state: "attached" });
      await page.waitForTimeout(2300);
      await act(page, server);
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(out, `${name}-${width}-${theme}.png`) });
      await browser.close();
      server.child.kill("SIGCONT");
      await server.stop("SIGKILL");
      for (const complaint of complaints) console.log(`${name} ${width} ${theme}: ${complaint}`);
    }
  }
}
