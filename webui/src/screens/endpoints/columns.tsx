/* Every column that the endpoints table can have, and which are shown. */
import type { JSX } from "preact";
import { bytes, byteRate, count, ms, percent, rate, visible } from "../../lib/format";
import { isTight } from "../../lib/narrow";
import { route } from "../../lib/route";
import { ROW } from "../../live/protocol";
import { Spark } from "../../parts/spark";
import { span } from "../../range/state";
import type { GridColumn } from "../../table/grid";
import { failedPart, middle, timeShare, TOTAL, valueOf, type NumberOf, type Table } from "./model";
import { ticked, toggleTick } from "./ticked";

export interface EndpointColumn extends Omit<GridColumn<number>, "cell" | "className" | "tip"> {
  number: ((table: Table, slot: number) => number) | null;
  text: (table: Table, slot: number) => string;
  isWarm?: (table: Table, slot: number) => boolean;
}

const NAME_MOST = 90; // characters before a name is cut in its middle
const TIGHT = [18, 10] as const; // the same, and how much of the end is kept, where there is little room

function numeric(key: string, label: string, title: string, column: number, format: (value: number) => string, width = 68): EndpointColumn {
  const isTime = (column >= ROW.mean && column <= ROW.p999) || column === ROW.p75;
  return {
    key, label, title, width: `${width}px`, minWidth: width,
    number: (table, slot) => valueOf(table, slot, column),
    text: (table, slot) => (!isTime || valueOf(table, slot, ROW.requests) > 0 ? format(valueOf(table, slot, column)) : "–"),
  };
}

const perSecond = (column: number) => (table: Table, slot: number): number => valueOf(table, slot, column) / Math.max(1, span.value.to - span.value.from);
const hasFailed = (table: Table, slot: number): boolean => valueOf(table, slot, ROW.failures) > 0;

export const COLUMNS: readonly EndpointColumn[] = [
  { key: "method", label: "Type", title: "Method or kind of request", width: "70px", minWidth: 70, isText: true, number: null, text: (table, slot) => (slot === TOTAL ? "" : visible(table.rows.methods[slot]!)) },
  { key: "name", label: "Name", title: "Name of the request", width: "minmax(140px, 1fr)", minWidth: 140, isText: true, number: null, text: (table, slot) => (slot === TOTAL ? "Aggregated" : visible(table.rows.names[slot]!)) },
  numeric("requests", "Requests", "Finished requests, failed ones included", ROW.requests, count, 104),
  { ...numeric("failures", "Failed", "Failed requests", ROW.failures, count, 80), isWarm: hasFailed },
  { key: "failed", label: "Failed %", title: "Failed part of the requests", width: "72px", minWidth: 72, number: failedPart, text: (table, slot) => percent(valueOf(table, slot, ROW.failures), valueOf(table, slot, ROW.requests)), isWarm: hasFailed },
  numeric("cut", "Cut", "Ended by the end of the test before an answer: neither requests nor failures", ROW.cut, count, 72),
  numeric("discarded", "Discarded", "Answered, but the task raised or ended before it judged the answer: neither requests nor failures", ROW.discarded, count, 84),
  numeric("resent", "Resent", "Sent again, because the connection was closed before an answer: neither requests nor failures", ROW.resent, count, 72),
  numeric("rps", "Req/s", "Requests per second: now, or on average over the selection", ROW.rps, rate, 70),
  numeric("failRps", "Fails/s", "Failures per second", ROW.failRps, rate),
  numeric("totalRps", "Mean req/s", "Requests per second over the whole range", ROW.totalRps, rate, 84),
  numeric("mean", "Mean", "Mean response time, ms", ROW.mean, ms, 62),
  numeric("min", "Min", "Fastest, ms", ROW.min, ms, 62),
  numeric("p50", "p50", "Half of the requests were faster, ms", ROW.p50, ms, 62),
  numeric("p75", "p75", "75 % of the requests were faster, ms", ROW.p75, ms, 62),
  numeric("p90", "p90", "90 % of the requests were faster, ms", ROW.p90, ms, 62),
  numeric("p95", "p95", "95 % of the requests were faster, ms", ROW.p95, ms, 62),
  numeric("p99", "p99", "99 % of the requests were faster, ms", ROW.p99, ms, 62),
  numeric("p999", "p99.9", "99.9 % of the requests were faster, ms", ROW.p999, ms, 62),
  numeric("max", "Max", "Slowest, ms", ROW.max, ms, 62),
  { key: "share", label: "Time %", title: "Part of all time that users spend in this endpoint: requests × mean", width: "68px", minWidth: 68, number: timeShare, text: (table, slot) => percent(timeShare(table, slot), 100) },
  numeric("size", "Size", "Mean size of a response body", ROW.size, bytes, 74),
  { key: "received", label: "In/s", title: "Bytes received per second over the range", width: "82px", minWidth: 82, number: perSecond(ROW.received), text: (table, slot) => byteRate(perSecond(ROW.received)(table, slot)) },
  { key: "sent", label: "Out/s", title: "Bytes sent per second over the range", width: "82px", minWidth: 82, number: perSecond(ROW.sent), text: (table, slot) => byteRate(perSecond(ROW.sent)(table, slot)) },
  { ...numeric("s4", "4xx", "Answers with a status of 400 to 499", ROW.s4, count), isWarm: (table, slot) => valueOf(table, slot, ROW.s4) > 0 },
  { ...numeric("s5", "5xx", "Answers with a status of 500 to 599", ROW.s5, count), isWarm: (table, slot) => valueOf(table, slot, ROW.s5) > 0 },
  { ...numeric("s0", "No answer", "No answer came: refused, reset, timed out", ROW.s0, count, 80), isWarm: (table, slot) => valueOf(table, slot, ROW.s0) > 0 },
  { key: "trend", label: "p95 trend", title: "p95 over the range", width: "96px", minWidth: 96, isSortable: false, number: null, text: () => "" },
];

export const FIXED_COLUMNS = ["method", "name"];
export const DEFAULT_COLUMNS = ["requests", "failures", "failed", "rps", "p50", "p95", "p99", "max", "share", "trend"];

/** The shown columns by the text in the address; unknown names are left out. isTight: no room for the trend, unless it was asked for. */
export function chosen(text: string | null | undefined, isTight = false): EndpointColumn[] {
  const wanted = (text ?? "").split(",").filter((key) => COLUMNS.some((column) => column.key === key));
  const own = isTight ? DEFAULT_COLUMNS.filter((key) => key !== "trend") : DEFAULT_COLUMNS;
  const keys = [...FIXED_COLUMNS, ...(wanted.length > 0 ? wanted : own)];
  return COLUMNS.filter((column) => keys.includes(column.key));
}

export function numberOf(table: Table, key: string): NumberOf | null {
  const column = COLUMNS.find((candidate) => candidate.key === key);
  const number = column?.number;
  return number ? (slot) => number(table, slot) : null;
}

export function filterNumbers(table: Table): Record<string, NumberOf> {
  return Object.fromEntries(COLUMNS.flatMap((column) => (column.number ? [[column.key, (slot: number) => column.number!(table, slot)]] : [])));
}

function Name({ text }: { text: string }): JSX.Element {
  const [start, end] = isTight.value || route.value.query["row"] ? middle(text, ...TIGHT) : middle(text, NAME_MOST);
  return end === "" ? <>{text}</> : <span class="both-ends"><span>{start}</span><span>{end}</span></span>;
}

function tickColumn(table: Table): GridColumn<number> {
  return {
    key: "tick", label: "Draw", title: "Drawn in the chart above (key x)", width: "30px", minWidth: 30, isSortable: false,
    cell: (slot) => slot === TOTAL ? null : (
      <input type="checkbox" tabIndex={-1} aria-label="Draw this row" checked={ticked.value.includes(table.rows.ids[slot]!)}
        onClick={(event) => { event.stopPropagation(); event.preventDefault(); toggleTick(table.rows.ids[slot]!); }} />
    ),
  };
}

/** As columns of the grid. sparks: lines of p95 by the id of the row; hasTicks: rows can be ticked. */
export function gridColumns(shown: EndpointColumn[], table: Table, sparks: Record<string, (number | null)[]>, hasTicks: boolean): GridColumn<number>[] {
  const columns: GridColumn<number>[] = shown.map((column) => ({
    key: column.key, label: column.label, title: column.title, width: column.width, minWidth: column.minWidth,
    isText: column.isText ?? false, isSortable: column.isSortable ?? true,
    cell: (slot) => {
      if (column.key === "trend") return slot === TOTAL ? null : <Spark values={sparks[table.rows.ids[slot]!] ?? []} tone="latency inline" />;
      if (column.key === "name") return <Name text={column.text(table, slot)} />;
      return column.text(table, slot);
    },
    className: (slot) => (column.isWarm?.(table, slot) ? "warm" : column.number !== null && column.text(table, slot) === "0" ? "zero" : ""),
    tip: (slot) => (column.key === "name" ? column.text(table, slot) : undefined),
  }));
  return hasTicks ? [tickColumn(table), ...columns] : columns;
}
