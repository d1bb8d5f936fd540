/* The table of failures: a row per kind or endpoint, with its course and the requests that failed
 * so. A click on a row selects the time from its first to its last failure. */
import { useSignal, type ReadonlySignal } from "@preact/signals";
import type { JSX, RefObject } from "preact";
import { Fragment } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { source } from "../../app-state";
import { IS_REPORT } from "../../lib/build";
import { count, percent, visible } from "../../lib/format";
import { Icon } from "../../parts/icons";
import { Spark } from "../../parts/spark";
import { setFixed } from "../../range/state";
import { timeText } from "../../range/time";
import type { FailureRow, Grouping } from "./model";
import { Samples } from "../../parts/samples";

const SHOWN_MOST = 50; // rows
const UNSEEN_EVERY_MS = 10_000;
const TEXT_MOST = 1000; // characters of a message; samples have it all
const TEXTS_MOST = 20;
const ENDPOINTS_MOST = 5;
const COLUMNS = 7;

function clipped(text: string): string {
  return text.length > TEXT_MOST ? `${visible(text.slice(0, TEXT_MOST))}… (${count(text.length)} characters)` : visible(text);
}

function selectTime(row: FailureRow): void {
  setFixed({ from: Math.floor(row.first), to: Math.ceil(row.last) + 1 });
}

/** Text that somebody marks, or a control in the row, is no click on the row. */
function isPlain(event: MouseEvent): boolean {
  return (event.target as HTMLElement).closest("button, a, summary") === null && (getSelection()?.isCollapsed ?? true);
}

function Texts({ texts }: { texts: string[] }): JSX.Element | null {
  if (texts.length < 2) return null;
  return (
    <details class="texts">
      <summary>{count(texts.length)} messages</summary>
      <ul>{texts.slice(0, TEXTS_MOST).map((text) => <li key={text} class="message">{clipped(text)}</li>)}</ul>
      {texts.length > TEXTS_MOST ? <p class="note">and {count(texts.length - TEXTS_MOST)} more: the CSV has all of them.</p> : null}
    </details>
  );
}

/** Where it failed: of a cause the endpoints, each with its count. */
function Endpoints({ row }: { row: FailureRow }): JSX.Element {
  const isOne = row.endpoints.length === 1;
  return (
    <div class="failing">
      {row.endpoints.slice(0, ENDPOINTS_MOST).map(({ method, name, inRange }) => (
        <p key={`${method}\n${name}`}><span class="method">{clipped(method)}</span> {clipped(name)} {isOne ? null : <span class="muted">{count(inRange)}</span>}</p>
      ))}
      {row.endpoints.length > ENDPOINTS_MOST ? <p class="muted">and {count(row.endpoints.length - ENDPOINTS_MOST)} more</p> : null}
    </div>
  );
}

interface RowProps {
  row: FailureRow;
  all: number;
  by: Grouping;
  isOpen: boolean;
  onOpen: () => void;
}

function useSight(box: RefObject<HTMLElement | null>): ReadonlySignal<boolean> {
  const isSeen = useSignal(true);
  useEffect(() => {
    const sight = new IntersectionObserver((entries) => (isSeen.value = entries.at(-1)!.isIntersecting));
    sight.observe(box.current!);
    return () => sight.disconnect();
  }, []);
  return isSeen;
}

/** Most rows are out of sight: those follow the answers now and then, and when they come into it. */
function MovingRow(props: RowProps): JSX.Element {
  const box = useRef<HTMLTableRowElement>(null);
  const isSeen = useSight(box).value;
  const held = useRef({ props, at: performance.now() });
  const { props: old, at } = held.current;
  const now = performance.now();
  if (isSeen || now - at > UNSEEN_EVERY_MS || props.isOpen !== old.isOpen || props.by !== old.by) held.current = { props, at: now };
  const { props: drawn } = held.current;
  return useMemo(() => <Cells {...drawn} box={box} />, [drawn]);
}

function Cells({ row, all, by, isOpen, onOpen, box = null }: RowProps & { box?: RefObject<HTMLTableRowElement | null> | null }): JSX.Element {
  const hasSamples = source.has("samples") && row.ids.length > 0;
  const label = `${row.method} ${row.name}`.slice(0, 80);
  const endpoints = <td class="name" data-label={by === "cause" ? "Endpoints" : "Endpoint"}><Endpoints row={row} /></td>;
  const message = (
    <td class="message" data-label={by === "cause" ? "Cause" : "Message"}>
      <div>
        {by === "endpoint" && row.texts.length > 1 ? null : clipped(row.message)}
        <Texts texts={row.texts} />
      </div>
    </td>
  );
  return (
    <Fragment>
      <tr ref={box} class={`failure${isOpen ? " open" : ""}`} onClick={(event) => { if (isPlain(event)) selectTime(row); }}>
        <td class="number strong" data-label="Count">{count(row.inRange)}</td>
        <td class="number" data-label="Share">{percent(row.inRange, all)} %</td>
        {by === "cause" ? <>{message}{endpoints}</> : <>{endpoints}{message}</>}
        <td class="trend" data-label="Over time"><Spark values={row.trend} tone="failed inline" /></td>
        <td class="number" data-label="First – last">
          <button type="button" class="link" title="Select this time" onClick={() => selectTime(row)}>{timeText(row.first)} – {timeText(row.last)}</button>
        </td>
        <td class="number" data-label="Samples">
          {hasSamples ? (
            <button type="button" class="button small" aria-expanded={isOpen} aria-label={`Samples of ${label}`} onClick={onOpen}>
              <Icon name={isOpen ? "up" : "down" } />Samples
            </button>
          ) : null}
        </td>
      </tr>
      {isOpen ? <tr class="samples-row"><td colSpan={COLUMNS}><Samples of={row.ids.map((kind) => ({ kind }))} /></td></tr> : null}
    </Fragment>
  );
}

const Row = IS_REPORT ? Cells : MovingRow;

export function FailureTable({ rows, by }: { rows: FailureRow[]; by: Grouping }): JSX.Element {
  const open = useSignal("");
  const limit = useSignal(SHOWN_MOST);
  const all = rows.reduce((sum, row) => sum + row.inRange, 0);
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of failures">
      <table class={`list failures${by === "cause" ? " of-causes" : ""}`}>
        <thead>
          <tr>
            <th scope="col" class="number">Count</th>
            <th scope="col" class="number">Share</th>
            {(by === "cause" ? ["Cause", "Endpoints"] : ["Endpoint", "Message"]).map((head) => <th scope="col" key={head}>{head}</th>)}
            <th scope="col">Over time</th>
            <th scope="col" class="number">First – last</th>
            <th scope="col" class="number"><span class="visually-hidden">Samples</span></th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, limit.value).map((row) => (
            <Row key={row.key} row={row} all={all} by={by} isOpen={open.value === row.key} onOpen={() => (open.value = open.value === row.key ? "" : row.key)} />
          ))}
        </tbody>
      </table>
      {rows.length > limit.value ? (
        <p class="empty">{count(rows.length - limit.value)} more.<button type="button" class="button" onClick={() => (limit.value += SHOWN_MOST)}>Show more</button></p>
      ) : null}
    </div>
  );
}
