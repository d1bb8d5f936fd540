/* What the live connection has of the browser: its clock, its network, its chance. */

/** The browser's part, so that tests can be the clock and the network. */
export interface Env {
  now(): number;
  random(): number;
  socket(path: string): WebSocket;
  getText(path: string, timeoutMs: number, signal?: AbortSignal): Promise<string>;
  /** The text of a deflated message; absent where the browser cannot. */
  inflate?(bytes: ArrayBuffer): Promise<string>;
}

async function inflate(bytes: ArrayBuffer): Promise<string> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}

export function browserEnv(): Env {
  const address = (path: string): URL => new URL(path, document.baseURI);
  return {
    now: () => performance.now(),
    random: Math.random,
    socket(path) {
      const url = address(path);
      url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
      return new WebSocket(url);
    },
    async getText(path, timeoutMs, signal) {
      const limit = AbortSignal.timeout(timeoutMs);
      const answer = await fetch(address(path), {
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
        credentials: "same-origin",
      });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      return answer.text();
    },
    ...(typeof DecompressionStream === "undefined" ? {} : { inflate }),
  };
}
