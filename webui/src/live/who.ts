/* Who looks at this page, where tokens are asked for (--web-token): one that may only look is shown nothing that it may not do.
 * The master decides in any case. */
import { computed, signal } from "@preact/signals";
import { IS_REPORT } from "../lib/build";

export interface Who {
  role: "run" | "see";
  name: string;
  /** Whether anybody has to show a token. */
  asks: boolean;
}

/** What the master has put into the page: known before anything is drawn. */
const told = IS_REPORT ? null : globalThis.document?.getElementById("who");

export const who = signal<Who>(told ? (JSON.parse(told.textContent!) as Who) : { role: "run", name: "", asks: false });
export const mayChange = computed(() => !IS_REPORT && who.value.role === "run");

const TIMEOUT_MS = 5000;
const address = (path: string): URL => new URL(path, document.baseURI);

/** Where the session is over, the form for a token comes in the place of the page. */
export async function askWho(): Promise<void> {
  try {
    const answer = await fetch(address("api/v1/session"), { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (answer.ok) who.value = (await answer.json()) as Who;
    else if (answer.status === 401 && answer.headers.get("WWW-Authenticate")?.includes('realm="katydid"')) location.assign(address("login"));
  } catch {
    // no answer says nothing about who asks
  }
}

export async function signOut(): Promise<void> {
  await fetch(address("api/v1/session"), { method: "DELETE", headers: { "X-Katydid": "1" }, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => undefined);
  location.assign(address("login"));
}
