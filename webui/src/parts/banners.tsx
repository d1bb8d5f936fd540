/* What must not be missed: a lost connection, a word of the master, a page of another version. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { openDialog, source, store, toast } from "../app-state";
import { count, timeOfDay, timespan } from "../lib/format";
import { FileSource } from "../live/file-source";
import { WIN, type Report } from "../live/report-block";
import { timeText } from "../range/time";

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
  const from = store.run.value === null ? "" : ` The numbers are from ${timeOfDay(store.run.value.now)}.`;
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

/** A file has the seconds of the endpoints with the most time only. */
function keptWords(report: Report): string {
  const kept = new Set(report.rows_windows.rows.map((row) => row[WIN.id]));
  kept.delete(0);
  const all = report.tick.defs.length;
  return kept.size < all ? ` and show ${count(kept.size)} of ${count(all)} endpoints, those with the most time` : "";
}

/** What the page shows is a file, or the file cannot be shown. */
function Recorded(): JSX.Element | null {
  if (!(source instanceof FileSource)) return null;
  const link = source.link.value;
  if (link.kind === "broken")
    return <div class="banner fail" role="alert"><p><strong>This report cannot be shown:</strong> {link.why}.</p></div>;
  const report = source.report.value;
  if (report === null) return null;
  return (
    <div class="banner quiet" role="note">
      <p>
        <strong>Recorded run</strong>, saved {new Date(report.made_at * 1000).toLocaleString()} by Katydid {report.hello.version}{store.isRunning.value ? " while it ran" : ""}.{" "}
        Selections are widened to {report.rows_windows.step} s{keptWords(report)}.
      </p>
    </div>
  );
}

/** The run is over: what remains is to look, to save and to go on. */
function Finished(): JSX.Element | null {
  const run = store.run.value;
  if (source.isRecorded || run === null || run.state !== "stopped" || run.ended <= 0) return null;
  return (
    <div class="banner quiet" id="finished" role="note">
      <p><strong>Finished {timeText(run.ended)}</strong> after {timespan(Math.max(1, Math.floor(run.ended - run.started)))}.</p>
      <button type="button" class="button small" onClick={() => (openDialog.value = "report")}>Report</button>
    </div>
  );
}

/** Tables and files of the run that lack something. */
function Outputs(): JSX.Element | null {
  const outputs = store.run.value?.outputs ?? [];
  if (outputs.length === 0) return null;
  return (
    <div class="banner warn" role="status">
      <p>{outputs.map(([name, dropped, trouble]) => `${name}: ${dropped} ticks left out${trouble === "" ? ", too slow" : ` (${trouble})`}`).join(" · ")}</p>
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
  const notice = store.run.value?.notice ?? "";
  return (
    <>
      <Announcer />
      <Disconnected />
      <Recorded />
      <Finished />
      {store.isForeign.value ? (
        <div class="banner warn">
          <p>The master is of another version than this page.</p>
          <button type="button" class="button" onClick={() => location.reload()}>Reload</button>
        </div>
      ) : null}
      {notice !== "" ? <div class="banner warn" role="status"><p>{notice}</p></div> : null}
      <Outputs />
      {toast.value !== null ? (
        <div class={`toast ${toast.value.isOk ? "" : "fail"}`} role="status">{toast.value.text}</div>
      ) : null}
    </>
  );
}
