/* Endpoints: one row per method and name. Thousands of rows, of which only the visible exist. */
import { signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { store } from "../app-state";
import { FIELDS, parseFilter } from "../lib/filter";
import { bytes, count, ms, percent, rate, visible } from "../lib/format";
import { route, setQuery } from "../lib/route";
import { ROW } from "../live/protocol";
import { Icon } from "../parts/icons";

interface Column {
  key: string;
  label: string;
  title: string;
  value: (slot: number) => number | string;
  text: (slot: number) => string;
  total: () => string;
  isWarm?: (slot: number) => boolean;
}

const rows = store.rows;
const get = (column: number) => (slot: number): number => rows.get(slot, column);
const ratio = (slot: number): number => {
  const all = rows.get(slot, ROW.requests);
  return all > 0 ? (100 * rows.get(slot, ROW.failures)) / all : 0;
};
const total = (column: number): number => store.total.value[column] ?? 0;

function numeric(key: string, label: string, title: string, column: number, format: (value: number) => string): Column {
  const isTime = column >= ROW.mean && column <= ROW.p999;
  const isKnown = (requests: number): boolean => !isTime || requests > 0;
  return {
    key, label, title,
    value: get(column),
    text: (slot) => (isKnown(rows.get(slot, ROW.requests)) ? format(rows.get(slot, column)) : "–"),
    total: () => (isKnown(total(ROW.requests)) ? format(total(column)) : "–"),
  };
}

const COLUMNS: Column[] = [
  { key: "method", label: "Type", title: "Method or kind of request", value: (slot) => rows.methods[slot]!, text: (slot) => visible(rows.methods[slot]!), total: () => "" },
  { key: "name", label: "Name", title: "Name of the request", value: (slot) => rows.names[slot]!, text: (slot) => visible(rows.names[slot]!), total: () => "Aggregated" },
  numeric("requests", "Requests", "Finished requests, failed ones included", ROW.requests, count),
  { ...numeric("failures", "Failed", "Failed requests", ROW.failures, count), isWarm: (slot) => rows.get(slot, ROW.failures) > 0 },
  { key: "failed", label: "Failed %", title: "Failed part of the requests", value: ratio,
    text: (slot) => percent(rows.get(slot, ROW.failures), rows.get(slot, ROW.requests)),
    total: () => percent(total(ROW.failures), total(ROW.requests)), isWarm: (slot) => rows.get(slot, ROW.failures) > 0 },
  numeric("cut", "Cut", "Ended by the end of the test before an answer: neither requests nor failures", ROW.cut, count),
  numeric("rps", "Req/s", "Requests per second, now", ROW.rps, rate),
  numeric("p50", "p50", "Half of the requests were faster, ms", ROW.p50, ms),
  numeric("p95", "p95", "95 % of the requests were faster, ms", ROW.p95, ms),
  numeric("p99", "p99", "99 % of the requests were faster, ms", ROW.p99, ms),
  numeric("mean", "Mean", "Mean response time, ms", ROW.mean, ms),
  numeric("min", "Min", "Fastest, ms", ROW.min, ms),
  numeric("max", "Max", "Slowest, ms", ROW.max, ms),
  numeric("size", "Size", "Mean size of a response body", ROW.size, bytes),
];
const TEXT_COLUMNS = 2;

const ROW_HEIGHT = 34;
const CARD_HEIGHT = 84;
const OVERSCAN = 6;
const isNarrow = signal(false);
const narrow = matchMedia("(max-width: 719px)");
isNarrow.value = narrow.matches;
narrow.addEventListener("change", () => (isNarrow.value = narrow.matches));

const FILTER_COLUMNS: Record<string, (slot: number) => number> = {
  ...Object.fromEntries(COLUMNS.slice(TEXT_COLUMNS).map((column) => [column.key, column.value as (slot: number) => number])),
  p90: get(ROW.p90),
};

function filtered(text: string): { slots: number[]; problem: string } {
  const { test, problem } = parseFilter(text);
  const slots: number[] = [];
  let at = 0;
  const row = {
    get method(): string { return rows.methods[at]!; },
    get name(): string { return rows.names[at]!; },
    number: (field: string): number | undefined => FILTER_COLUMNS[field]?.(at),
  };
  for (at = 0; at < rows.length; at++) if (test(row)) slots.push(at);
  return { slots, problem };
}

function sorted(slots: number[], sort: string): number[] {
  const isDown = sort.startsWith("-");
  const column = COLUMNS.find((candidate) => candidate.key === sort.replace("-", "")) ?? COLUMNS[1]!;
  const sign = isDown ? -1 : 1;
  const byName = (a: number, b: number): number =>
    rows.names[a]! < rows.names[b]! ? -1 : rows.names[a]! > rows.names[b]! ? 1 : rows.methods[a]! < rows.methods[b]! ? -1 : 1;
  return slots.sort((a, b) => {
    const x = column.value(a);
    const y = column.value(b);
    return x < y ? -sign : x > y ? sign : byName(a, b);
  });
}

function HeadCell({ column, sort }: { column: Column; sort: string }): JSX.Element {
  const isSorted = sort.replace("-", "") === column.key;
  const isDown = sort.startsWith("-");
  const isText = column.key === "name" || column.key === "method";
  const next = isSorted ? (isDown ? column.key : `-${column.key}`) : isText ? column.key : `-${column.key}`;
  return (
    <div role="columnheader" class={`cell ${column.key}`} aria-sort={isSorted ? (isDown ? "descending" : "ascending") : "none"}>
      <button type="button" title={column.title} onClick={() => setQuery({ sort: next })}>
        <span>{column.label}</span>
        {isSorted ? <Icon name={isDown ? "down" : "up"} /> : null}
      </button>
    </div>
  );
}

function TableRow({ slot, index, top }: { slot: number; index: number; top: number }): JSX.Element {
  return (
    <div role="row" class="row" aria-rowindex={index + 3} style={{ top: `${top}px` }}>
      {COLUMNS.map((column) => (
        <div role="gridcell" key={column.key} class={`cell ${column.key}${column.isWarm?.(slot) ? " warm" : ""}${column.text(slot) === "0" ? " zero" : ""}`}
          title={column.key === "name" ? column.text(slot) : undefined}>
          {column.text(slot)}
        </div>
      ))}
    </div>
  );
}

function Card({ slot, top }: { slot: number; top: number }): JSX.Element {
  const failures = rows.get(slot, ROW.failures);
  const cut = rows.get(slot, ROW.cut);
  return (
    <li class="card" style={{ top: `${top}px` }}>
      <p class="card-name"><span class="method">{visible(rows.methods[slot]!)}</span> {visible(rows.names[slot]!)}</p>
      <CardNumbers requests={rows.get(slot, ROW.requests)} rps={rows.get(slot, ROW.rps)} p95={rows.get(slot, ROW.p95)} failures={failures} cut={cut} />
    </li>
  );
}

function CardNumbers(props: { requests: number; rps: number; p95: number; failures: number; cut: number }): JSX.Element {
  return (
    <dl class="card-numbers">
      <div><dt>requests</dt><dd>{count(props.requests)}</dd></div>
      <div><dt>req/s</dt><dd>{rate(props.rps)}</dd></div>
      <div><dt>p95 ms</dt><dd>{props.requests > 0 ? ms(props.p95) : "–"}</dd></div>
      <div class={props.failures > 0 ? "warm" : ""}><dt>failed %</dt><dd>{percent(props.failures, props.requests)}</dd></div>
      {props.cut > 0 ? <div><dt>cut</dt><dd>{count(props.cut)}</dd></div> : null}
    </dl>
  );
}

/** The order stays while the pointer or the focus is in the table: rows must not jump away. */
function useHeldOrder(slots: number[], key: string): { order: number[]; isHeld: boolean; hold: (on: boolean) => void } {
  const isHeld = useSignal(false);
  const held = useRef<{ key: string; order: number[] }>({ key: "", order: [] });
  if (!isHeld.value || held.current.key !== key || held.current.order.length !== slots.length)
    held.current = { key, order: sorted(slots, key.split("\n")[0]!) };
  return { order: held.current.order, isHeld: isHeld.value, hold: (on) => (isHeld.value = on) };
}

function useViewport(): { ref: { current: HTMLDivElement | null }; top: number; height: number } {
  const ref = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  useEffect(() => {
    const box = ref.current!;
    const read = (): void => {
      top.value = box.scrollTop;
      height.value = box.clientHeight;
    };
    const observer = new ResizeObserver(read);
    observer.observe(box);
    box.addEventListener("scroll", read, { passive: true });
    return () => observer.disconnect();
  }, [isNarrow.value]);
  return { ref, top: top.value, height: height.value };
}

function visibleRange(top: number, height: number, rowHeight: number, length: number): [number, number] {
  const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
  return [first, Math.min(length, Math.ceil((top + height) / rowHeight) + OVERSCAN)];
}

function TotalRow(): JSX.Element {
  return (
    <div role="row" class="row total" aria-rowindex={2}>
      {COLUMNS.map((column) => (
        <div role="gridcell" key={column.key}
          class={`cell ${column.key}${column.isWarm && total(ROW.failures) > 0 ? " warm" : ""}`}>{column.total()}</div>
      ))}
    </div>
  );
}

function Grid(props: { order: number[]; sort: string; hold: (on: boolean) => void }): JSX.Element {
  const view = useViewport();
  const [first, last] = visibleRange(view.top, view.height, ROW_HEIGHT, props.order.length);
  return (
    <div class="grid-scroll" ref={view.ref} tabIndex={0} role="grid" aria-label="Endpoints" aria-rowcount={props.order.length + 2}
      aria-colcount={COLUMNS.length} onMouseEnter={() => props.hold(true)} onMouseLeave={() => props.hold(false)}>
      <div role="rowgroup" class="grid-head">
        <div role="row" class="row head" aria-rowindex={1}>
          {COLUMNS.map((column) => <HeadCell key={column.key} column={column} sort={props.sort} />)}
        </div>
        <TotalRow />
      </div>
      <div role="rowgroup" class="grid-body" style={{ height: `${props.order.length * ROW_HEIGHT}px` }}>
        {props.order.slice(first, last).map((slot, i) => (
          <TableRow key={rows.ids[slot]} slot={slot} index={first + i} top={(first + i) * ROW_HEIGHT} />
        ))}
      </div>
    </div>
  );
}

function Cards(props: { order: number[]; sort: string }): JSX.Element {
  const view = useViewport();
  const [first, last] = visibleRange(view.top, view.height, CARD_HEIGHT, props.order.length);
  return (
    <>
      <label class="sort-by">
        Sort by{" "}
        <select value={props.sort} onChange={(event) => setQuery({ sort: event.currentTarget.value })}>
          <option value="name">Name</option>
          {COLUMNS.slice(TEXT_COLUMNS).map((column) => <option key={column.key} value={`-${column.key}`}>{column.title}</option>)}
        </select>
      </label>
      <div class="card total">
        <p class="card-name">Aggregated</p>
        <CardNumbers requests={total(ROW.requests)} rps={total(ROW.rps)} p95={total(ROW.p95)} failures={total(ROW.failures)} cut={total(ROW.cut)} />
      </div>
      <div class="cards-scroll" ref={view.ref} tabIndex={0} role="region" aria-label="Endpoints">
        <ul class="cards" style={{ height: `${props.order.length * CARD_HEIGHT}px` }}>
          {props.order.slice(first, last).map((slot, i) => <Card key={rows.ids[slot]} slot={slot} top={(first + i) * CARD_HEIGHT} />)}
        </ul>
      </div>
    </>
  );
}

function FilterBox(props: { text: string; shown: number; problem: string; isHeld: boolean }): JSX.Element {
  return (
    <div class="filter-bar">
      <div class={`input-box search${props.problem ? " has-error" : ""}`}>
        <Icon name="search" />
        <input id="filter" type="search" aria-label="Filter the endpoints" placeholder="Filter: cart  method:post  p95>300  failed>1%"
          title={`Words in the name, method:…, /pattern/, or a condition on ${FIELDS.join(", ")}`}
          autocomplete="off" spellcheck={false} value={props.text} aria-describedby="filter-note"
          onInput={(event) => setQuery({ filter: event.currentTarget.value })}
          onKeyDown={(event) => event.key === "Escape" && (setQuery({ filter: "" }), event.currentTarget.blur())} />
      </div>
      <p class={`note${props.problem ? " error" : ""}`} id="filter-note" role="status">
        {props.problem || (props.text === "" ? `${count(rows.length)} ${rows.length === 1 ? "endpoint" : "endpoints"}` : `${count(props.shown)} of ${count(rows.length)}`)}
        {props.isHeld && !props.problem ? <span class="chip">order held</span> : null}
      </p>
      <a class="button" href="stats/requests/csv" download><Icon name="download" />CSV</a>
    </div>
  );
}

export function EndpointsScreen(): JSX.Element {
  store.revision.value; // each tick changes numbers
  const text = route.value.query["filter"] ?? "";
  const sort = route.value.query["sort"] ?? "name";
  const { slots, problem } = filtered(text);
  const { order, isHeld, hold } = useHeldOrder(slots, `${sort}\n${text}`);
  const isFiltered = rows.length > 0 && order.length === 0;
  return (
    <div class="screen-fill">
      <h1 class="visually-hidden">Endpoints</h1>
      <FilterBox text={text} shown={order.length} problem={problem} isHeld={isHeld && sort !== "name"} />
      {rows.length === 0 ? (
        <p class="panel empty">{store.hasRun.value ? "No request has finished yet." : "No test has run yet. Its requests will be listed here."}</p>
      ) : isFiltered ? (
        <p class="panel empty">
          {count(rows.length)} hidden by the filter.{" "}
          <button type="button" class="button" onClick={() => setQuery({ filter: "" })}>Clear it</button>
        </p>
      ) : isNarrow.value ? (
        <Cards order={order} sort={sort} />
      ) : (
        <div class="panel flush"><Grid order={order} sort={sort} hold={hold} /></div>
      )}
    </div>
  );
}
