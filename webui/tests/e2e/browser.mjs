/* The machine's Chromium (or Chrome), driven by playwright-core; and the servers the pages come from. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/** This folder; import.meta has no dirname before Node 20.11. */
export const HERE = dirname(fileURLToPath(import.meta.url));

const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

const BROWSERS = ["/usr/bin/chromium", "/snap/bin/chromium", "/usr/bin/google-chrome", join(HERE, "../../../build/browser/chromium")];

/** A browser with a profile of its own, gone when close() returns. */
export async function openBrowser(options = {}) {
  const profile = mkdtempSync(join(tmpdir(), "katydid-e2e-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? BROWSERS.find(existsSync) ?? BROWSERS[0],
    headless: true,
    args: ARGS,
    viewport: { width: 1440, height: 900 },
    ...options,
  });
  context.setDefaultTimeout(90_000); // the machine may be busy; a condition that holds is not waited for
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

const TWO_FRAMES = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))));

/** The page is drawn as it is now. A headless browser on a busy machine may stop to draw a page that was
 * resized, though it answers: then no click on it ever finds an element that stands still. It draws
 * again when it is asked to show the page. */
export async function drawn(page, seconds = 90) {
  for (const until = Date.now() + seconds * 1000; Date.now() < until;) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, 5000, false)));
    const isDrawn = await Promise.race([page.evaluate(TWO_FRAMES), late]);
    clearTimeout(timer);
    if (isDrawn) return;
    await page.bringToFront();
  }
  throw new Error(`the browser has drawn nothing for ${seconds} s: ${page.url()}`);
}

/* What the browser itself writes when an answer is an error or the server is away: no fault of the page. */
const NETWORK = /Failed to load resource|WebSocket connection to .* failed/;

/** Everything a page complains about: script errors, console errors, violations of the policy. */
export function watch(page, complaints = []) {
  page.on("pageerror", (error) => complaints.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    if (NETWORK.test(message.text())) return;
    if (message.type() === "error" || /Content Security Policy|TrustedHTML/.test(message.text()))
      complaints.push(`console: ${message.text()}`);
  });
  return complaints;
}

/** Asks once, by GET. Not by fetch(): in Node 24 its connection's end may find the body's reader paused, which ends the process (nodejs/undici#5360). */
export function get(url, headers = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, text, json: () => JSON.parse(text) }));
      answer.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

/* As tests/support/leftovers.py: nothing that a page or a test does may bring one of these about. */
const FAULT = /Sanitizer[: ]|runtime error: |Assertion [`'].*failed|^out of memory: |^Fatal Python error|Internal error in |^\[(?:warn|err)\] |\/CRITICAL\/katydid/m;
const CRASHES = ["SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE"];

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has gone
  }
}

const childrenOf = (pid) => read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean);
const isAlive = (pid) => !/^(?:.*\) [ZX]|$)/.test(read(`/proc/${pid}/stat`));

/** A program that has ended told of no fault, and what it had started ends too. */
async function leftNothing(child, started, output) {
  if (FAULT.test(output) || CRASHES.includes(child.signalCode)) throw new Error(`a fault (${child.signalCode ?? child.exitCode}):\n${output}`);
  for (const until = Date.now() + 30_000; started.some(isAlive); await new Promise((done) => setTimeout(done, 50)))
    if (Date.now() > until) throw new Error(`left running: ${started.filter(isAlive)}`);
}

/** Starts a program whose first line of output matching `ready` holds the address of its page. */
export async function startServer(command, args, ready = /(https?:\/\/\S+)/, { seconds = 90, ...options } = {}) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
  let output = "";
  const address = new Promise((resolve, reject) => {
    const read = (chunk) => {
      output += chunk;
      const match = ready.exec(output);
      if (match) resolve(match[1]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", (code, signal) => reject(new Error(`ended (${code ?? signal}) before it was ready:\n${output}`)));
    setTimeout(() => reject(new Error(`not ready after ${seconds} s:\n${output}`)), seconds * 1000).unref();
  });
  try {
    const url = await address;
    return {
      url, child,
      output: () => output,
      async stop(signal = "SIGTERM") {
        const started = childrenOf(child.pid);
        if (child.exitCode === null && child.signalCode === null) {
          child.kill(signal);
          await once(child, "exit");
        }
        await leftNothing(child, started, output);
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}
