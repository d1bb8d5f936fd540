/* How long the page takes to show two stored runs beside each other.
 *
 *     node tests/e2e/compare-cost.mjs URL RUN RUN TIMES
 *
 * From the click (the address that it leads to) until the table of rows is painted. Prints JSON: a list
 * of milliseconds. */
import { openBrowser } from "./browser.mjs";

const [url, a, b, times] = process.argv.slice(2);
const browser = await openBrowser();
const page = await browser.context.newPage();
const took = [];
for (let i = 0; i < Number(times); i++) {
  await page.goto(`${url}/#/runs`);
  await page.getByRole("region", { name: "Table: stored runs" }).waitFor();
  took.push(
    await page.evaluate(
      (hash) =>
        new Promise((done) => {
          const begin = performance.now();
          const look = () => (document.querySelector('[aria-label="Table: endpoints of both runs"] tbody tr') ? setTimeout(() => done(performance.now() - begin)) : requestAnimationFrame(look));
          location.hash = hash;
          requestAnimationFrame(look);
        }),
      `#/runs?compare=${a},${b}`,
    ),
  );
}
console.log(JSON.stringify(took));
await browser.close();
