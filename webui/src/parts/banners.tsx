/* What must not be missed: a lost connection, how the run stands (state-bar.tsx), the last word of the master. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { source, store, toast } from "../app-state";
import { IS_REPORT } from "../lib/build";
import { timeText } from "../range/time";
import { StateBar } from "./state-bar";

const HINT_AFTER_S = 60;

function Disconnected(): JSX.Element | null {
  const now = useSignal(performance.now());
  const link = source.link.value;
  const isBad = link.kind === "stale" || link.kind === "lost";
  useEffect(() => {
    if (!isBad) return;
    const timer = setInterval(() => (now.value = performance.now()), 500);
    return () => clearInterval(timer);
  }, [isBad]);
  if (link.kind !== "stale" && link.kind !== "lost") return null;
  const silence = Math.max(0, Math.round((Math.max(now.value, performance.now()) - link.since) / 1000));
  const wait = link.kind === "lost" ? Math.max(0, Math.ceil((link.retryAt - performance.now()) / 1000)) : 0;
  const from = store.run.value === null ? "" : ` The numbers are from ${timeText(store.run.value.now)}.`;
  const hint = silence > HINT_AFTER_S ? " Is the master still running?" : "";
  return (
    <div class="banner fail" id="disconnected">
      <p>
        <strong>No data from the master for {silence} s.</strong>
        {from}
        {hint} {link.kind === "stale" ? "Waiting for it." : wait > 0 ? `Next try in ${wait} s.` : "Trying to reconnect…"}
      </p>
      <button type="button" class="button" onClick={() => source.retryNow()}>Retry now</button>
    </div>
  );
}

/** Said once per change, for those who do not see the page. */
function Announcer(): JSX.Element {
  const kind = source.link.value.kind;
  const connection = kind === "lost" ? "Connection to the master lost." : kind === "live" ? "Connected." : "";
  return (
    <div class="visually-hidden" role="status">
      {connection} {store.state.value === "" ? "" : `Test ${store.state.value}.`}
    </div>
  );
}

export function Banners(): JSX.Element {
  return (
    <>
      <Announcer />
      {IS_REPORT ? null : <Disconnected />}
      <StateBar />
      {toast.value !== null ? (
        <div class={`toast ${toast.value.isOk ? "" : "fail"}`} role="status">{toast.value.text}</div>
      ) : null}
    </>
  );
}
