/* One row of state above everything: the verdict, what is looked at, how the run ended and what ended it,
 * what the master must tell. */
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { IS_REPORT, STORED } from "../lib/build";
import { openDialog, source, store } from "../app-state";
import { count, dayAndTime, timespan, visible } from "../lib/format";
import { endWords, onceWords, SETUP_FAILED, shortIds, worstTone } from "../lib/state-words";
import { isElsewhere, linkTo, route } from "../lib/route";
import { FileSource } from "../live/file-source";
import { ROW, type RunFields } from "../live/protocol";
import { WIN, type Report } from "../live/report-block";
import { timeText } from "../range/time";
import { verdictPart } from "../verdict/chips";
import { Held } from "./held";
import { Icon } from "./icons";

interface Part {
  key: string;
  tone: "quiet" | "warn" | "fail";
  text: ComponentChildren;
  tool?: JSX.Element;
}

/** On a phone there is room for the first of them, until somebody asks. */
const isOpen = signal(false);
const TONE_MARK = { quiet: "", warn: "▲ ", fail: "✕ " };

/** The notice that somebody has read. */
const dismissed = signal("");

/** A file has the seconds of the endpoints with the most time only. */
function keptWords(report: Report): string {
  const kept = new Set(report.rows_windows.rows.map((row) => row[WIN.id]));
  kept.delete(0);
  const all = report.tick.defs.length;
  return kept.size < all ? ` and show ${count(kept.size)} of ${count(all)} endpoints, those with the most time` : "";
}

/** What the page shows is a file, or the file cannot be shown. */
function recorded(): Part[] {
  if (!IS_REPORT || !(source instanceof FileSource)) return [];
  const link = source.link.value;
  if (link.kind === "broken") return [{ key: "broken", tone: "fail", text: <><strong>This report cannot be shown:</strong> {link.why}.</> }];
  const report = source.report.value;
  if (report === null) return [];
  return [{
    key: "recorded", tone: "quiet", text: <>
      <strong>Recorded run</strong>, saved {dayAndTime(report.made_at)} by Katydid {report.hello.version}{store.isRunning.value ? " while it ran" : ""}.{" "}
      Selections are widened to {report.rows_windows.step} s{keptWords(report)}.
    </>,
  }];
}

/** The run that is shown is one of those that are stored. */
function stored(): Part[] {
  if (STORED === "") return [];
  const link = source.link.value;
  if (link.kind === "broken") return [{ key: "broken", tone: "fail", text: <><strong>This stored run cannot be shown:</strong> {link.why}</>, tool: <a class="button small" href={linkTo("runs")}>Runs</a> }];
  const run = store.run.value;
  if (run === null) return [];
  return [{
    key: "stored", tone: "quiet", text: <><strong>Stored run</strong> of {dayAndTime(run.started)}, {visible(store.hello.value?.locustfile ?? "")}</>,
    tool: <a class="button small" href={linkTo("runs")}>Runs</a>,
  }];
}

/** The run is over: how, and what remains is to look, to save and to go on. */
function finished(run: RunFields): Part[] {
  if (run.state !== "stopped" || run.ended <= 0 || store.isHeld.value) return [];
  const isOff = source.link.value.kind !== "live"; // nobody would answer
  const end = endWords(run, store.total.value[ROW.requests] ?? 0, store.total.value[ROW.failures] ?? 0, route.value.screen === "live");
  return [{
    key: "finished", tone: end.tone, text: <><strong>Finished {timeText(run.ended)}</strong> after {timespan(Math.max(1, Math.floor(run.ended - run.started)))}{visible(end.text)}{run.ended_by === SETUP_FAILED && source.has("logs") ? <> <a href={linkTo("logs")}>Logs</a></> : null}</>,
    ...(IS_REPORT ? {} : { tool: <button type="button" class="button small" disabled={isOff} {...(isOff ? { title: "No connection to the master" } : {})} onClick={() => (openDialog.value = "report")}><Icon name="report" />Report</button> }),
  }];
}

/** Once a run, before and after its load. */
function once(run: RunFields): Part[] {
  const words = store.isHeld.value ? "" : onceWords(run);
  return words === "" ? [] : [{ key: "once", tone: "quiet", text: words }];
}

/** A word of the master, until somebody has read it; what ended the run stands there already. */
function notices(run: RunFields): Part[] {
  const isSaid = run.state === "stopped" && (run.ended_by ?? "") !== "" && run.notice.endsWith(run.ended_by!);
  if (run.notice === "" || isSaid || dismissed.value === run.notice) return [];
  const close = <button type="button" class="button quiet icon-only small" aria-label="Dismiss" onClick={() => (dismissed.value = run.notice)}><Icon name="close" /></button>;
  return [{ key: "notice", tone: "warn", text: shortIds(visible(run.notice)), tool: close }];
}

/** Tables and files of the run that lack something. */
function outputs(run: RunFields): Part[] {
  const lacking = run.outputs ?? [];
  if (lacking.length === 0) return [];
  return [{ key: "outputs", tone: "warn", text: lacking.map(([name, dropped, trouble]) => `${name}: ${dropped} ticks left out${trouble === "" ? ", too slow" : ` (${trouble})`}`).join(" · ") }];
}

function foreign(): Part[] {
  if (!store.isForeign.value) return [];
  return [{ key: "foreign", tone: "warn", text: "The master is of another version than this page.", tool: <button type="button" class="button small" onClick={() => location.reload()}>Reload</button> }];
}

export function StateBar(): JSX.Element | null {
  const run = store.run.value;
  const isForm = isElsewhere(route.value.screen); // of another test: how this one ended is no news there
  const verdict = isForm || store.isHeld.value || route.value.screen === "verdict" ? null : verdictPart();
  const parts = [...(verdict === null ? [] : [{ key: "verdict", ...verdict }]), ...recorded(), ...(isForm && source.link.value.kind !== "broken" ? [] : stored()), ...(store.isHeld.value ? [{ key: "held", tone: "warn" as const, text: <Held /> }] : []), ...foreign(),
    ...(run === null ? [] : [...(isForm ? [] : [...finished(run), ...once(run)]), ...notices(run), ...outputs(run)])];
  if (parts.length === 0) return null;
  const others = parts.slice(1);
  return (
    <div class={`banner state-bar ${worstTone(parts.map((part) => part.tone))}${isOpen.value ? "" : " is-folded"}`}>
      {parts.map((part) => (
        <div key={part.key} class={`state-part ${part.tone}`} id={part.key} role={part.tone === "quiet" ? "note" : "status"}><p>{part.text}</p>{part.tool}</div>
      ))}
      {others.length === 0 ? null : (
        <button type="button" class={`state-part state-more ${worstTone(others.map((part) => part.tone))} button quiet small`} aria-expanded={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
          {isOpen.value ? "Less" : `${TONE_MARK[worstTone(others.map((part) => part.tone))]}${others.length} more`}
        </button>
      )}
    </div>
  );
}
