/* Logs: what the master, the host and the workers say, as it comes. Only the lines in sight are in
 * the document. Scrolling up stops following; the way back is one button. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { IS_REPORT } from "../../lib/build";
import { source, store } from "../../app-state";
import { count, shortId, visible } from "../../lib/format";
import { go, route, setQuery } from "../../lib/route";
import type { LogTuple } from "../../live/protocol";
import { CopyButton } from "../../parts/copy";
import { setFixed } from "../../range/state";
import { momentText } from "../../range/time";
import { asText, EMPTY_BUFFER, filtered, LEVELS, merged, type LogBuffer } from "./log-buffer";
import { Icon } from "../../parts/icons";

const ROW_PX = 24;
const OVERSCAN = 10;
const AROUND_S = 30;
const REFRESH_MS = 1000;
const ROW_TEXT_MOST = 400; // characters in a row; the line in full stands below

function useLogBuffer(): { buffer: LogBuffer; error: string } {
  const buffer = useSignal<LogBuffer>(EMPTY_BUFFER);
  const error = useSignal("");
  useEffect(() => {
    let isGone = false;
    let isBusy = false;
    const load = async (): Promise<void> => {
      if (isBusy || !["live", "file"].includes(source.link.value.kind)) return;
      isBusy = true;
      try {
        const answer = await source.queries.logs(buffer.peek().seq);
        if (!isGone) {
          buffer.value = merged(buffer.peek(), answer);
          error.value = "";
        }
      } catch (trouble) {
        if (!isGone) error.value = String((trouble as Error).message);
      }
      isBusy = false;
    };
    void load();
    if (IS_REPORT) return;
    const timer = setInterval(() => void load(), REFRESH_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, []);
  return { buffer: buffer.value, error: error.value };
}

function Line({ line, top, isChosen, onChoose }: { line: LogTuple; top: number; isChosen: boolean; onChoose: () => void }): JSX.Element {
  const [, at, level, from, logger, text, times] = line;
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    row.current!.style.transform = `translateY(${top}px)`; // a property, not an attribute: the policy allows it
  }, [top]);
  const rank = LEVELS.find((name) => name === level)?.toLowerCase() ?? "";
  return (
    <div class={`log-row ${rank}${isChosen ? " current" : ""}`} ref={row} role="row" aria-selected={isChosen} onClick={onChoose}>
      <span role="gridcell" class="log-at">{momentText(at)}</span>
      <span role="gridcell" class="level">{visible(level)}</span>
      <span role="gridcell" class="log-source">{shortId(from)}</span>
      <span role="gridcell" class="log-text"><span class="muted">{visible(logger)}</span> {visible(text.slice(0, ROW_TEXT_MOST).replaceAll("\n", " ⏎ "))}</span>
      <span role="gridcell" class="log-times">{times > 1 ? `×${count(times)}` : ""}</span>
    </div>
  );
}

/** A line with all of its text. A look at the charts of its time is one button. */
function Detail({ line, onClose }: { line: LogTuple; onClose: () => void }): JSX.Element {
  const [, at, level, from, logger, text] = line;
  return (
    <div class="log-detail" role="region" aria-label="The chosen line">
      <p class="log-detail-head">
        <span class="strong">{visible(level)}</span> <span class="muted">{momentText(at)} · {visible(from)} · {visible(logger)}</span>
        <CopyButton text={text} label="Copy" />
        {store.hasRun.value ? <button type="button" class="button small" onClick={() => { go("live"); setFixed({ from: Math.floor(at) - AROUND_S, to: Math.ceil(at) + AROUND_S }); }}>Charts around it</button> : null}
        <button type="button" class="button quiet icon-only" aria-label="Close the line" onClick={onClose}><Icon name="close" /></button>
      </p>
      <pre tabIndex={0}>{visible(text)}</pre>
    </div>
  );
}

function Lines({ lines }: { lines: LogTuple[] }): JSX.Element {
  const chosen = useSignal(0);
  const box = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const view = useSignal({ top: 0, height: 600 });
  const follows = useSignal(true);
  useEffect(() => {
    body.current!.style.height = `${lines.length * ROW_PX}px`;
    if (follows.value) box.current!.scrollTop = lines.length * ROW_PX;
  }, [lines]);
  const onScroll = (): void => {
    const at = box.current!;
    view.value = { top: at.scrollTop, height: at.clientHeight };
    follows.value = at.scrollTop + at.clientHeight >= at.scrollHeight - ROW_PX;
  };
  useEffect(onScroll, []);
  const at = lines.findIndex((line) => line[0] === chosen.value);
  const keys = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (event.key === "Escape" && at >= 0) chosen.value = 0;
    else if (step === undefined || box.current === null || event.target !== box.current) return;
    else {
      const next = Math.max(0, Math.min(lines.length - 1, at < 0 ? lines.length - 1 : at + step));
      chosen.value = lines[next]![0];
      box.current.scrollTop = Math.min(next * ROW_PX, Math.max(box.current.scrollTop, (next + 2) * ROW_PX - box.current.clientHeight));
    }
    event.preventDefault();
  };
  const first = Math.max(0, Math.floor(view.value.top / ROW_PX) - OVERSCAN);
  const last = Math.min(lines.length, Math.ceil((view.value.top + view.value.height) / ROW_PX) + OVERSCAN);
  return (
    <div class="log-frame">
      <div class="log-box" ref={box} onScroll={onScroll} onKeyDown={keys} tabIndex={0} role="grid" aria-label="Log lines" aria-rowcount={lines.length}>
        <div class="log-body" ref={body} role="rowgroup">
          {lines.slice(first, last).map((line, i) => <Line key={line[0]} line={line} top={(first + i) * ROW_PX} isChosen={line[0] === chosen.value} onChoose={() => (chosen.value = line[0])} />)}
        </div>
      </div>
      {follows.value ? null : (
        <button type="button" class="button follow" onClick={() => { follows.value = true; box.current!.scrollTop = box.current!.scrollHeight; }}>
          <Icon name="down" />Follow
        </button>
      )}
      {at >= 0 ? <Detail line={lines[at]!} onClose={() => (chosen.value = 0)} /> : null}
    </div>
  );
}

function save(lines: LogTuple[]): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asText(lines)], { type: "text/plain" }));
  link.download = "katydid.log";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function LogsScreen(): JSX.Element {
  const { buffer, error } = useLogBuffer();
  const { level = "INFO", source: from = "", filter = "" } = route.value.query;
  const shown = filtered(buffer.lines, { level, source: from, text: filter });
  const sources = [...new Set(["master", ...store.workers.value.map((worker) => worker.id), ...buffer.lines.map((line) => line[3])])];
  return (
    <div class="screen-fill">
      <h1 class="visually-hidden">Logs</h1>
      <div class="filter-bar">
        <label class="select-of">Level{" "}
          <select value={level} onChange={(event) => setQuery({ level: event.currentTarget.value })}>
            {LEVELS.map((name) => <option key={name} value={name}>{name.toLowerCase()} and above</option>)}
          </select>
        </label>
        <label class="select-of">From{" "}
          <select value={from} onChange={(event) => setQuery({ source: event.currentTarget.value })}>
            <option value="">everybody</option>
            {sources.map((name) => <option key={name} value={name}>{shortId(name)}</option>)}
          </select>
        </label>
        <div class="input-box search">
          <Icon name="search" />
          <input type="search" aria-label="Filter log lines" placeholder="Words or /expression/" value={filter} id="filter" onInput={(event) => setQuery({ filter: event.currentTarget.value })} />
        </div>
        <p class="note" role="status">{count(shown.length)} of {count(buffer.lines.length)} lines{buffer.dropped > 0 ? `; ${count(buffer.dropped)} dropped by the rate limit` : ""}</p>
        <button type="button" class="button" disabled={shown.length === 0} onClick={() => save(shown)}><Icon name="download" />Save</button>
      </div>
      {error !== "" ? <p class="callout fail">{error}</p> : null}
      <section class="panel flush" aria-label="Log">
        {buffer.lines.length === 0 ? <p class="empty">Nothing was logged yet.</p>
          : shown.length === 0 ? <p class="empty">{count(buffer.lines.length)} lines are hidden by the filter.<button type="button" class="button" onClick={() => setQuery({ level: "", source: "", filter: "" })}>Clear</button></p>
          : <Lines lines={shown} />}
      </section>
    </div>
  );
}
