/* Logs: what the master, the host and the workers say, as it comes. Only the lines in sight are in
 * the document. Scrolling up stops following; the way back is one button. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { source, store } from "../../app-state";
import { count, visible } from "../../lib/format";
import { clockMs } from "../../lib/moment";
import { route, setQuery } from "../../lib/route";
import { asText, EMPTY_BOOK, filtered, LEVELS, merged, type LogBook, type LogsAnswer, type LogTuple } from "./log-book";
import { askJson } from "../../live/ask";
import { Icon } from "../../parts/icons";

const ROW_PX = 24;
const OVERSCAN = 10;
const REFRESH_MS = 1000;
const LINES_AT_ONCE = 2000;

function useLogBook(): { book: LogBook; error: string } {
  const book = useSignal<LogBook>(EMPTY_BOOK);
  const error = useSignal("");
  useEffect(() => {
    let isGone = false;
    let isBusy = false;
    const load = async (): Promise<void> => {
      if (isBusy || source.link.value.kind !== "live") return;
      isBusy = true;
      try {
        const answer = await askJson<LogsAnswer>(`logs?since=${book.peek().seq}&limit=${LINES_AT_ONCE}`);
        if (!isGone) {
          book.value = merged(book.peek(), answer);
          error.value = "";
        }
      } catch (trouble) {
        if (!isGone) error.value = String((trouble as Error).message);
      }
      isBusy = false;
    };
    void load();
    const timer = setInterval(() => void load(), REFRESH_MS);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, []);
  return { book: book.value, error: error.value };
}

function Line({ line, top }: { line: LogTuple; top: number }): JSX.Element {
  const [, at, level, from, logger, text, times] = line;
  const row = useRef<HTMLDivElement>(null);
  useEffect(() => {
    row.current!.style.transform = `translateY(${top}px)`; // a property, not an attribute: the policy allows it
  }, [top]);
  return (
    <div class={`log-row ${level.toLowerCase()}`} ref={row} role="row" title={visible(text)}>
      <span role="cell" class="log-at">{clockMs(at)}</span>
      <span role="cell" class="level">{level}</span>
      <span role="cell" class="log-source">{visible(from)}</span>
      <span role="cell" class="log-text"><span class="muted">{visible(logger)}</span> {visible(text.replaceAll("\n", " ⏎ "))}</span>
      <span role="cell" class="log-times">{times > 1 ? `×${count(times)}` : ""}</span>
    </div>
  );
}

function Lines({ lines }: { lines: LogTuple[] }): JSX.Element {
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
  const first = Math.max(0, Math.floor(view.value.top / ROW_PX) - OVERSCAN);
  const last = Math.min(lines.length, Math.ceil((view.value.top + view.value.height) / ROW_PX) + OVERSCAN);
  return (
    <div class="log-frame">
      <div class="log-box" ref={box} onScroll={onScroll} tabIndex={0} role="table" aria-label="Log lines" aria-rowcount={lines.length}>
        <div class="log-body" ref={body} role="rowgroup">
          {lines.slice(first, last).map((line, i) => <Line key={line[0]} line={line} top={(first + i) * ROW_PX} />)}
        </div>
      </div>
      {follows.value ? null : (
        <button type="button" class="button follow" onClick={() => { follows.value = true; box.current!.scrollTop = box.current!.scrollHeight; }}>
          <Icon name="down" />Follow
        </button>
      )}
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
  const { book, error } = useLogBook();
  const { level = "INFO", source: from = "", filter = "" } = route.value.query;
  const shown = filtered(book.lines, { level, source: from, text: filter });
  const sources = [...new Set(["master", ...store.workers.value.map((worker) => worker.id), ...book.lines.map((line) => line[3])])];
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
            {sources.map((name) => <option key={name} value={name}>{visible(name)}</option>)}
          </select>
        </label>
        <div class="input-box search">
          <Icon name="search" />
          <input type="search" aria-label="Filter log lines" placeholder="Words or /expression/" value={filter} id="filter" onInput={(event) => setQuery({ filter: event.currentTarget.value })} />
        </div>
        <p class="note" role="status">{count(shown.length)} of {count(book.lines.length)} lines{book.dropped > 0 ? `; ${count(book.dropped)} dropped by the rate limit` : ""}</p>
        <button type="button" class="button" disabled={shown.length === 0} onClick={() => save(shown)}><Icon name="download" />Save</button>
      </div>
      {error !== "" ? <p class="callout fail">{error}</p> : null}
      <section class="panel flush" aria-label="Log">
        {book.lines.length === 0 ? <p class="empty">Nothing was logged yet.</p>
          : shown.length === 0 ? <p class="empty">{count(book.lines.length)} lines are hidden by the filter.<button type="button" class="button" onClick={() => setQuery({ level: "", source: "", filter: "" })}>Clear</button></p>
          : <Lines lines={shown} />}
      </section>
    </div>
  );
}
