/* Endpoints: one row per method and name over the range of the page, or groups of them by the
 * beginning of the path, with merged histograms; and beside it everything about one of them. */
import { computed, signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { source, store } from "../../app-state";
import { saveCsv } from "../../lib/download";
import { count, visible } from "../../lib/format";
import { useKeys } from "../../lib/keys";
import { isNarrow, isTight, room } from "../../lib/narrow";
import { ALL_REQUESTS, rowText, slotOfText } from "../../lib/row-link";
import { pushQuery, route, setQuery } from "../../lib/route";
import { recall } from "../../lib/storage";
import { RowTable } from "../../live/rows";
import { answer, courseKey, rangeKey, shown } from "../../range/data";
import { useQuestion } from "../../range/question";
import { isOfOtherRun, isFixed, span } from "../../range/state";
import { rangeWords } from "../../range/words";
import { Grid } from "../../table/grid";
import { Cards } from "./cards";
import { chosen, filterNumbers, gridColumns, numberOf } from "./columns";
import { Drill } from "./drill";
import { filtered, sorted, timeShare, TOTAL, worstFirst, type Table } from "./model";
import { ticked, TickedChart, toggleTick } from "./ticked";
import { Toolbar } from "./toolbar";

const ROW_HEIGHT = 34;
const GROUPS_EVERY_S = 3;
const SPARKS_EVERY_S = 10;
const SPARK_POINTS = 30;
const MANY_NAMES = 2000;
const BESIDE_COLUMNS = "failed,p95";

const depth = computed(() => Math.min(3, Math.max(0, Number(route.value.query["group"] ?? 0) || 0)));

/** The groups of the range as a table of their own, while grouping is on. */
function useGroups(): { table: Table | null; error: string; retry: () => void } {
  const asked = useQuestion(
    () => {
      const key = depth.value > 0 ? rangeKey(GROUPS_EVERY_S) : null;
      return key === null ? null : `${key} ${depth.value}`;
    },
    (signal) => source.queries.groups(span.peek().from, span.peek().to, depth.peek(), signal),
    [],
  );
  const got = asked.answer.value;
  if (got === null) return { table: null, error: asked.error.value, retry: asked.retry };
  const rows = new RowTable();
  got.groups.forEach(([method, name], i) => rows.define(i + 1, method, name));
  for (const row of got.rows) rows.set(row);
  return { table: { rows, total: got.total }, error: asked.error.value, retry: asked.retry };
}

/** The order stays while the pointer or the focus is in the table: rows must not jump away. */
function useHeldOrder(make: () => number[], key: string, length: number): { order: number[]; isHeld: boolean; hold: (on: boolean) => void } {
  const isHeld = useSignal(false);
  const held = useRef<{ key: string; length: number; order: number[] }>({ key: "", length: -1, order: [] });
  if (!isHeld.value || held.current.key !== key || held.current.length !== length) held.current = { key, length, order: make() };
  return { order: held.current.order, isHeld: isHeld.value, hold: (on) => (isHeld.value = on) };
}

const visibleIds = signal<number[]>([]);
function useSparks(isOn: boolean): Record<string, (number | null)[]> {
  const asked = useQuestion(
    () => {
      const ids = visibleIds.value.join();
      const key = isOn && ids !== "" ? courseKey(SPARKS_EVERY_S) : null;
      return key === null ? null : `${key} ${ids}`;
    },
    (signal) => source.queries.sparks(span.peek().from, span.peek().to, visibleIds.peek(), SPARK_POINTS, signal),
    [isOn],
  );
  return asked.answer.value ?? {};
}

function Empty({ table, isFiltered }: { table: Table; isFiltered: boolean }): JSX.Element {
  if (isFiltered)
    return (
      <p class="panel empty">
        {count(table.rows.length)} hidden by the filter.{" "}
        <button type="button" class="button" onClick={() => setQuery({ filter: "" })}>Clear it</button>
      </p>
    );
  const word = isFixed.value ? "No request finished in this range." : store.hasRun.value ? "No request has finished yet." : "No test has run yet. Its requests will be listed here.";
  return <p class="panel empty">{word}</p>;
}

export function EndpointsScreen(): JSX.Element | null {
  store.revision.value; // each tick changes numbers
  const groups = useGroups();
  const isGrouped = depth.value > 0;
  const table: Table = isGrouped ? (groups.table ?? { rows: new RowTable(), total: shown.value.total }) : shown.value;
  const text = route.value.query["filter"] ?? "";
  const chosenSort = route.value.query["sort"];
  const sort = chosenSort ?? worstFirst(table);
  const openText = route.value.query["row"] ?? "";
  const opened = openText === "" ? undefined : openText === ALL_REQUESTS ? TOTAL : slotOfText(store.rows, openText);
  const openId = opened === undefined ? "" : opened === TOTAL ? "0" : String(store.rows.ids[opened]);
  const isBeside = openId !== "" && !isNarrow.value; // the drill-down takes the room
  const columns = chosen(isBeside ? BESIDE_COLUMNS : route.value.query["columns"] || recall("columns"), room.value).filter((column) => !isGrouped || column.key !== "trend");
  const canTick = !isGrouped && !isBeside;
  const { slots, problem } = filtered(table, filterNumbers(table), text);
  const sortKey = sort.replace("-", "");
  const { order, isHeld, hold } = useHeldOrder(() => sorted(table.rows, slots, sort, numberOf(table, sortKey), chosenSort ? null : (slot) => timeShare(table, slot)), `${sort}\n${text}\n${depth.value}\n${table.rows === store.rows}`, slots.length);
  const sparks = useSparks(!isGrouped && !isNarrow.value && columns.some((column) => column.key === "trend"));
  const current = useSignal("");
  const keyOf = (slot: number): string => String(table.rows.ids[slot]);
  const indexOf = (id: string): number => order.findIndex((slot) => keyOf(slot) === id);

  const open = (slot: number): void => {
    if (slot === TOTAL) return pushQuery({ row: ALL_REQUESTS });
    if (!isGrouped) return pushQuery({ row: rowText(table.rows, slot) });
    const prefix = table.rows.names[slot]!.replace(/\/\*$/, "/");
    setQuery({ group: "", filter: prefix });
  };
  const step = (by: number): void => {
    const at = order[Math.max(0, Math.min(order.length - 1, indexOf(openId || current.value) + by))];
    if (at === undefined) return;
    current.value = keyOf(at);
    if (openId !== "") setQuery({ row: rowText(table.rows, at) });
  };
  useKeys((key) => {
    if (key === "j" || key === "ArrowDown") step(1);
    else if (key === "k" || key === "ArrowUp") step(-1);
    else if (key === "x" && canTick && indexOf(current.value) >= 0) toggleTick(Number(current.value));
    else if (key === "Enter" && current.value !== "" && openId === "" && indexOf(current.value) >= 0) open(order[indexOf(current.value)]!);
    else return false;
    return true;
  });
  const csv = (): void =>
    saveCsv("katydid-endpoints", [
      columns.filter((column) => column.key !== "trend").map((column) => column.label),
      ...[TOTAL, ...order].map((slot) => columns.filter((column) => column.key !== "trend").map((column) => (column.number ? column.number(table, slot) : column.text(table, slot)))),
    ]);
  if (isOfOtherRun.value) return <h1 class="visually-hidden">Endpoints</h1>;
  return (
    <div class={`screen-fill endpoints${opened !== undefined ? " has-drill" : ""}`}>
      <h1 class="visually-hidden">Endpoints</h1>
      <div class="endpoints-list">
        <Toolbar text={text} all={table.rows.length} shown={order.length} problem={problem} isHeld={isHeld && sort !== "name"} depth={depth.value}
          note={isTight.value ? "" : rangeWords()} columns={columns} onCsv={csv} isNarrow={isNarrow.value || isBeside} />
        {!isGrouped && table.rows.length > MANY_NAMES ? (
          <p class="callout info">{count(table.rows.length)} names. Group them above, or give requests a common name in the locustfile: <code>self.client.get(url, name="/item/[id]")</code></p>
        ) : null}
        {isGrouped && groups.error !== "" ? <p class="callout fail" role="status">The groups could not be had. {groups.error} <button type="button" class="button small" onClick={groups.retry}>Try again</button></p> : null}
        {openText !== "" && opened === undefined && store.hasRun.value ? (
          <p class="callout warn" role="status">{visible(openText)} is not in this run, or not yet. <button type="button" class="button small" onClick={() => setQuery({ row: "" })}>Close</button></p>
        ) : null}
        {canTick && !isNarrow.value && ticked.value.length > 0 ? <TickedChart /> : null}
        {order.length === 0 ? (
          isGrouped && groups.table === null && groups.error === "" ? <p class="panel empty">Loading…</p> : <Empty table={table} isFiltered={table.rows.length > 0} />
        ) : isNarrow.value ? (
          <Cards table={table} order={order} sort={sort} onSort={(next) => setQuery({ sort: next })} onOpen={open} />
        ) : (
          <div class={`panel flush${isFixed.value && answer.isBusy.value ? " is-busy" : ""}`}>
            <Grid label="Endpoints" columns={gridColumns(columns, table, sparks, canTick)} order={order} keyOf={keyOf} pinned={TOTAL} sort={sort}
              onSort={(next) => setQuery({ sort: next })} onOpen={open} onHold={hold} current={openId || current.value}
              onCurrent={(key) => (current.value = key)} rowHeight={ROW_HEIGHT}
              onVisible={(seen) => (visibleIds.value = seen.map((slot) => table.rows.ids[slot]!))} />
          </div>
        )}
      </div>
      {opened === undefined ? null : (
        <Drill key={openId} id={Number(openId)} method={store.rows.methods[opened] ?? ""} name={store.rows.names[opened] ?? "All requests"} onStep={step} onClose={() => setQuery({ row: "" })} />
      )}
    </div>
  );
}
