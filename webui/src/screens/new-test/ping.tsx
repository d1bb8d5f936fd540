/* Whether the target answers, asked while its address is typed. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { source, store } from "../../app-state";
import { visible } from "../../lib/format";
import { postJson } from "../../live/ask";
import { Status } from "../../parts/status";
import { pongWords, type Pong } from "./pong";

const AFTER_MS = 500;

export function Ping({ url }: { url: string }): JSX.Element {
  const answer = useSignal<{ url: string; pong: Pong | null } | null>(null);
  const link = source.link.value.kind;
  const isQuiet = url === "" || link !== "live" || store.isRunning.value;
  useEffect(() => {
    if (isQuiet) return;
    let isOld = false;
    const timer = setTimeout(() => {
      answer.value = { url, pong: null };
      void postJson<Pong>("ping", { url })
        .catch(() => ({ ok: false }))
        .then((pong) => { if (!isOld) answer.value = { url, pong }; });
    }, AFTER_MS);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [url, isQuiet]);
  const held = !isQuiet && answer.value?.url === url ? answer.value : null;
  const words = held?.pong ? pongWords(held.pong) : null;
  return (
    <p class="ping" role="status">
      {words !== null ? <Status tone={words.tone}>{visible(words.text)}</Status> : held !== null && held.pong === null ? <span class="muted">asking…</span> : null}
    </p>
  );
}
