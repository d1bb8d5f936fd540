/* The README's pictures, of a real run: node portrait.mjs KATYDID OUT_DIR
 *
 * Starts the sample shop and a test against it, waits until the charts have something to tell, and
 * photographs the live screen in both themes. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openBrowser, startServer } from "./browser.mjs";

const [katydid, out] = process.argv.slice(2);
const SECONDS = 75;

mkdirSync(out, { recursive: true });
const files = join(import.meta.dirname, "../../../locustfiles");
const shop = await startServer("/usr/bin/python3", [join(files, "_shop.py"), "--errors", "0.04"]);
const master = await startServer(katydid, [
  "-f", join(files, "ecommerce.py"), "-H", shop.url, "--autostart", "-u", "150", "-r", "5", "--processes", "2", "--web-port", "0",
]);
try {
  await new Promise((done) => setTimeout(done, SECONDS * 1000));
  for (const theme of ["light", "dark"]) {
    const browser = await openBrowser({ colorScheme: theme, viewport: { width: 1440, height: 900 } });
    const page = await browser.context.newPage();
    await page.goto(master.url);
    await page.locator("main h1").first().waitFor({ state: "attached" });
    await page.waitForTimeout(3000);
    await page.screenshot({ path: join(out, `dashboard-${theme}.png`) });
    await browser.close();
  }
} finally {
  await master.stop("SIGTERM");
  await shop.stop("SIGTERM");
}
