/* What a page costs the browser that shows it: bytes of the first load, bytes and main thread per
 * update. Of our page, and of any other that polls or has a socket: the same measure.
 *
 *     node tests/e2e/page-cost.mjs URL TEXT-OF-AN-UPDATE SECONDS
 *
 * An update is an answer of an address with that text in it, or a message of a socket whose address has
 * it. Prints JSON. */
import { openBrowser } from "./browser.mjs";

const [url, updates, seconds] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const WARM_MS = 8000;

const browser = await openBrowser();
const page = await browser.context.newPage();
const devtools = await browser.context.newCDPSession(page);
const seen = new Map(); // address by request
const first = { script: 0, all: 0 };
let count = 0;
let bytes = 0;
let isLoading = true;
const kinds = new Map();
devtools.on("Network.responseReceived", ({ requestId, type, response }) => {
  seen.set(requestId, response.url);
  kinds.set(requestId, type);
});
devtools.on("Network.webSocketCreated", ({ requestId, url: address }) => seen.set(requestId, address));
devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
  if (seen.get(requestId)?.includes(updates)) {
    count++;
    bytes += encodedDataLength;
  } else if (isLoading) {
    first.all += encodedDataLength;
    if (kinds.get(requestId) === "Script") first.script += encodedDataLength;
  }
});
devtools.on("Network.webSocketFrameReceived", ({ requestId, response }) => {
  if (!seen.get(requestId)?.includes(updates)) return;
  count++;
  bytes += response.opcode === 2 ? Buffer.from(response.payloadData, "base64").length : Buffer.byteLength(response.payloadData);
});
await devtools.send("Network.enable");
await devtools.send("Performance.enable");
const spent = async () => (await devtools.send("Performance.getMetrics")).metrics.find(({ name }) => name === "ThreadTime").value;
await page.goto(url);
await page.waitForTimeout(WARM_MS);
isLoading = false;
[count, bytes] = [0, 0];
const before = await spent();
await page.waitForTimeout(seconds * 1000);
const ms = ((await spent()) - before) * 1000;
console.log(JSON.stringify({ script: first.script, first: first.all, updates: count, bytes: bytes / Math.max(1, count), ms: ms / Math.max(1, count) }));
await browser.close();
