/* A grid of thousands of rows: headings that sort, a pinned row of totals, one tab stop with arrow
 * keys inside, and an order that is held while pointer or focus are in it. Rows are known by their
 * key, not by their place: the focus stays with the row. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../parts/icons";
import { poolOf, useViewport, visibleRange } from "./virtual";

export interface GridColumn<Row> {
  key: string;
  label: string;
  /** Beside the label, smaller. */
  unit?: string;
  title: string;
  /** A track of CSS grid. */
  width: string;
  /** In px; what the grid needs before it scrolls sideways. */
  minWidth: number;
  isText?: boolean;
  isSortable?: boolean;
  cell: (row: Row) => ComponentChildren;
  className?: (row: Row) => string;
  tip?: (row: Row) => string | undefined;
}

export interface GridProps<Row> {
  label: string;
  columns: GridColumn<Row>[];
  order: Row[];
  keyOf: (row: Row) => string;
  pinned?: Row;
  /** "p95", descending "-p95". */
  sort: string;
  onSort: (sort: string) => void;
  onOpen: (row: Row) => void;
  onHold: (isHeld: boolean) => void;
  current: string;
  onCurrent: (key: string) => void;
  rowHeight: number;
  /** The rows that exist now, for what only they need. */
  onVisible?: (rows: Row[]) => void;
}

function HeadCell<Row>({ column, sort, onSort }: { column: GridColumn<Row>; sort: string; onSort: (sort: string) => void }): JSX.Element {
  const isSorted = sort.replace("-", "") === column.key;
  const isDown = sort.startsWith("-");
  if (column.isSortable === false) return <div role="columnheader" class={`cell ${column.key} plain`} title={column.title}><span>{column.label}</span></div>;
  const next = isSorted ? (isDown ? column.key : `-${column.key}`) : column.isText ? column.key : `-${column.key}`;
  return (
    <div role="columnheader" class={`cell ${column.key}`} aria-sort={isSorted ? (isDown ? "descending" : "ascending") : "none"}>
      <button type="button" title={column.title} onClick={() => onSort(next)}>
        <span>{column.label}{column.unit ? <span class="unit">{column.unit}</span> : null}</span>
        {isSorted ? <Icon name={isDown ? "down" : "up"} /> : null}
      </button>
    </div>
  );
}

function Cells<Row>({ row, columns }: { row: Row; columns: GridColumn<Row>[] }): JSX.Element {
  return (
    <>
      {columns.map((column) => (
        <div role="gridcell" key={column.key} class={`cell ${column.key}${column.isText ? " text" : ""} ${column.className?.(row) ?? ""}`} title={column.tip?.(row)}>
          {column.cell(row)}
        </div>
      ))}
    </>
  );
}

export function Grid<Row>(props: GridProps<Row>): JSX.Element {
  const view = useViewport();
  const { order, rowHeight, columns } = props;
  const [first, last] = visibleRange(view.top, view.height, rowHeight, order.length);
  const shown = order.slice(first, last);
  const pool = poolOf(view.height, rowHeight);
  const tracks = useRef<HTMLDivElement>(null);
  const minWidth = columns.reduce((sum, column) => sum + column.minWidth, 24);
  const template = columns.map((column) => column.width).join(" ");
  useEffect(() => {
    tracks.current?.style.setProperty("--tracks", template);
    tracks.current?.style.setProperty("--grid-width", `${minWidth}px`);
    tracks.current?.style.setProperty("--row-height", `${rowHeight}px`);
  }, [template, minWidth, rowHeight]);
  const visibleKeys = shown.map(props.keyOf).join();
  useEffect(() => props.onVisible?.(shown), [visibleKeys]);

  function go(to: number): void {
    const index = Math.max(0, Math.min(order.length - 1, to));
    const row = order[index];
    if (row === undefined) return;
    props.onCurrent(props.keyOf(row));
    const head = rowHeight * (props.pinned === undefined ? 1 : 2);
    const top = index * rowHeight;
    if (top < view.top) view.scrollTo(top);
    else if (top + rowHeight + head > view.top + view.height) view.scrollTo(top + rowHeight + head - view.height);
  }
  function keys(event: KeyboardEvent): void {
    if ((event.target as HTMLElement).closest("button")) return;
    const at = order.findIndex((row) => props.keyOf(row) === props.current);
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 3);
    const to = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: order.length - 1 }[event.key];
    if (to !== undefined) go(to);
    else if (event.key === "Enter" && at >= 0) props.onOpen(order[at]!);
    else return;
    event.preventDefault();
  }
  return (
    <div class="grid-scroll" ref={view.ref} tabIndex={0} role="grid" aria-label={props.label} aria-rowcount={order.length + 2}
      aria-colcount={columns.length} aria-activedescendant={shown.some((row) => props.keyOf(row) === props.current) ? `row-${props.current}` : undefined}
      onKeyDown={keys} onMouseEnter={() => props.onHold(true)} onMouseLeave={() => props.onHold(false)}
      onFocus={() => props.onHold(true)} onBlur={() => props.onHold(false)}>
      <div class="grid-inner" ref={tracks}>
        <div role="rowgroup" class="grid-head">
          <div role="row" class="row head" aria-rowindex={1}>
            {columns.map((column) => <HeadCell key={column.key} column={column} sort={props.sort} onSort={props.onSort} />)}
          </div>
          {props.pinned === undefined ? null : (
            <div role="row" class="row total" aria-rowindex={2} onClick={() => props.onOpen(props.pinned!)}><Cells row={props.pinned} columns={columns} /></div>
          )}
        </div>
        <div role="rowgroup" class="grid-body" style={{ height: `${order.length * rowHeight}px` }}>
          {shown.map((row, i) => {
            const key = props.keyOf(row);
            return (
              <div role="row" id={`row-${key}`} key={(first + i) % pool} class={`row${key === props.current ? " current" : ""}`} aria-rowindex={first + i + 3} aria-selected={key === props.current}
                style={{ top: `${(first + i) * rowHeight}px` }} onClick={() => { props.onCurrent(key); props.onOpen(row); }}>
                <Cells row={row} columns={columns} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
