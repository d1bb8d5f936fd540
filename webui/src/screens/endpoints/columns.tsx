/* Every column that the endpoints table can have, and which are shown. */
import type { JSX } from "preact";
import { bytes, byteRate, count, ms, percent, rate, visible } from "../../lib/format";
import { isTight } from "../../lib/narrow";
import { route } from "../../lib/route";
import { ROW, TABLE, type Unit } from "../../live/columns";
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

const MS_PX = 12; // for the unit in a heading
const NAME_MOST = 90; // characters before a name is cut in its middle
const TIGHT = [18, 10] as const; // the same, and how much of the end is kept, where there is little room

const FORMATS: Record<Unit, (value: number) => string> = { count, ms, rate, bytes };
const WARM = ["failures", "s4", "s5", "s0"];

function numeric(column: number, key: string, label: string, title: string, unit: Unit, width: number): EndpointColumn {
  const number = (table: Table, slot: number): number => valueOf(table, slot, column);
  return {
    key, label, title, width: `${width + (unit === "ms" ? MS_PX : 0)}px`, minWidth: width + (unit === "ms" ? MS_PX : 0), number, ...(unit === "ms" ? { unit } : {}),
    text: (table, slot) => (unit !== "ms" || isTimed(table, slot) ? FORMATS[unit](number(table, slot)) : "–"),
    ...(WARM.includes(key) ? { isWarm: (table: Table, slot: number) => number(table, slot) > 0 } : {}),
  };
}

/** Some request had a time: user code may report requests without one. */
const isTimed = (table: Table, slot: number): boolean => valueOf(table, slot, ROW.requests) > 0 && valueOf(table, slot, ROW.max) > 0;

const perSecond = (column: number) => (table: Table, slot: number): number => valueOf(table, slot, column) / Math.max(1, span.value.to - span.value.from);

/** What is not just a number of the row. */
const MADE: readonly EndpointColumn[] = [
  { key: "method", label: "Type", title: "Method or kind of request", width: "70px", minWidth: 70, isText: true, number: null, text: (table, slot) => (slot === TOTAL ? "" : visible(table.rows.methods[slot]!)) },
  { key: "name", label: "Name", title: "Name of the request", width: "minmax(140px, 1fr)", minWidth: 140, isText: true, number: null, text: (table, slot) => (slot === TOTAL ? "Aggregated" : visible(table.rows.names[slot]!)) },
  { key: "failed", label: "Failed %", title: "Failed part of the requests", width: "72px", minWidth: 72, number: failedPart, text: (table, slot) => percent(valueOf(table, slot, ROW.failures), valueOf(table, slot, ROW.requests)), isWarm: (table, slot) => valueOf(table, slot, ROW.failures) > 0 },
  { key: "share", label: "Time %", title: "Part of all response time that is spent in this endpoint: requests × mean", width: "84px", minWidth: 84, number: timeShare, text: (table, slot) => percent(timeShare(table, slot), 100) },
  numeric(ROW.meanBytes, "size", "Size", "Mean size of a response body", "bytes", 74),
  { key: "received", label: "In/s", title: "Bytes received per second over the range", width: "82px", minWidth: 82, number: perSecond(ROW.received), text: (table, slot) => byteRate(perSecond(ROW.received)(table, slot)) },
  { key: "sent", label: "Out/s", title: "Bytes sent per second over the range", width: "82px", minWidth: 82, number: perSecond(ROW.sent), text: (table, slot) => byteRate(perSecond(ROW.sent)(table, slot)) },
  { key: "trend", label: "p95 trend", title: "p95 over the range", width: "96px", minWidth: 96, isSortable: false, number: null, text: () => "" },
];

/** Their order; the others are in the place of "". */
const ORDER = [
  "method", "name", "requests", "failures", "failed", "cut", "discarded", "resent", "rps", "failRps", "totalRps",
  "mean", "min", "p50", "p75", "p90", "p95", "p99", "p999", "max", "", "share", "size", "received", "sent", "s4", "s5", "s0", "trend",
];
const placeOf = (key: string): number => (ORDER.includes(key) ? ORDER : [...ORDER.slice(0, ORDER.indexOf("")), key]).indexOf(key);

export const COLUMNS: readonly EndpointColumn[] = [...MADE, ...TABLE.map((listed) => numeric(...listed))]
  .sort((a, b) => placeOf(a.key) - placeOf(b.key));

export const FIXED_COLUMNS = ["method", "name"];
export const DEFAULT_COLUMNS = ["requests", "failures", "failed", "rps", "p50", "p95", "p99", "max", "share", "trend"];

/** The first to go where there is no room for all that nobody asked for. */
const DISPENSABLE = ["trend", "share", "max", "rps", "p50", "failures"];
const NAME_PX = 200; // of room for a name before a column goes
const TICK_PX = 54; // to draw a row, and the margins

function fitting(room: number): string[] {
  const keys = [...DEFAULT_COLUMNS];
  const widthOf = (key: string): number => COLUMNS.find((column) => column.key === key)!.minWidth;
  const needed = (): number => keys.reduce((sum, key) => sum + widthOf(key), TICK_PX + widthOf("method") + NAME_PX);
  for (const key of DISPENSABLE) if (needed() > room) keys.splice(keys.indexOf(key), 1);
  return keys;
}

/** The shown columns by the text in the address; unknown names are left out. room: in px, for those that nobody asked for. */
export function chosen(text: string | null | undefined, room = Infinity): EndpointColumn[] {
  const wanted = (text ?? "").split(",").filter((key) => COLUMNS.some((column) => column.key === key));
  const keys = [...FIXED_COLUMNS, ...(wanted.length > 0 ? wanted : fitting(room))];
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

const TYPE_PX = [70, 130] as const; // least and most: types of one's own may be of any length

/** Room for the longest of them: "grpc first" has more letters than a method of HTTP. */
export function typeWidth(types: readonly string[]): number {
  const longest = types.reduce((most, type) => Math.max(most, type.length), 0);
  return Math.min(Math.max(TYPE_PX[0], Math.ceil(14 + 7.5 * longest)), TYPE_PX[1]);
}

/** As columns of the grid. sparks: lines of p95 by the id of the row; hasTicks: rows can be ticked. */
export function gridColumns(shown: EndpointColumn[], table: Table, sparks: Record<string, (number | null)[]>, hasTicks: boolean): GridColumn<number>[] {
  const roomOf = ({ key, width, minWidth }: EndpointColumn): { width: string; minWidth: number } => {
    if (key !== "method") return { width, minWidth };
    const px = typeWidth(table.rows.methods);
    return { width: `${px}px`, minWidth: px };
  };
  const columns: GridColumn<number>[] = shown.map((column) => ({
    key: column.key, label: column.label, ...(column.unit ? { unit: column.unit } : {}), title: column.title, ...roomOf(column),
    isText: column.isText ?? false, isSortable: column.isSortable ?? true,
    cell: (slot) => {
      if (column.key === "trend") return slot === TOTAL ? null : <Spark values={sparks[table.rows.ids[slot]!] ?? []} tone="latency inline" />;
      if (column.key === "name") return <Name text={column.text(table, slot)} />;
      return column.text(table, slot);
    },
    className: (slot) => (column.isWarm?.(table, slot) ? "warm" : column.number !== null && column.text(table, slot) === "0" ? "zero" : ""),
    tip: (slot) => (column.key === "name" || column.key === "method" ? column.text(table, slot) : undefined),
  }));
  return hasTicks ? [tickColumn(table), ...columns] : columns;
}
