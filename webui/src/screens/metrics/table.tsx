/* A table of series: sorted by any column, a row opens its course. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { count, visible } from "../../lib/format";
import { Icon } from "../../parts/icons";
import { timeText } from "../../range/time";
import { COLUMNS, NAMES, type CountedColumn } from "./columns";
import type { CountedRow, Kind } from "./model";

const SHOWN_MOST = 100; // rows that are drawn anew with each answer

interface TableProps {
  kind: Kind;
  rows: CountedRow[];
  sort: string;
  isBeside: boolean;
  current: string;
  onSort: (sort: string) => void;
  onOpen: (row: CountedRow) => void;
}

function Heading({ name, label, title, sort, isText, onSort }: { name: string; label: string; title: string; sort: string; isText?: boolean; onSort: (sort: string) => void }): JSX.Element {
  const isSorted = sort.replace("-", "") === name;
  const isDown = sort.startsWith("-");
  const next = isSorted ? (isDown ? name : `-${name}`) : isText ? name : `-${name}`;
  return (
    <th scope="col" class={isText ? "" : "number"} aria-sort={isSorted ? (isDown ? "descending" : "ascending") : "none"}>
      <button type="button" class="sort-button" title={title} onClick={() => onSort(next)}>{label}{isSorted ? <Icon name={isDown ? "down" : "up"} /> : null}</button>
    </th>
  );
}

function Row({ row, columns, kind, isBeside, isCurrent, onOpen }: { row: CountedRow; columns: readonly CountedColumn[]; kind: Kind; isBeside: boolean; isCurrent: boolean; onOpen: () => void }): JSX.Element {
  return (
    <tr class={`counted${isCurrent ? " current" : ""}`} onClick={(event) => { if ((event.target as HTMLElement).closest("button") === null) onOpen(); }}>
      <td class="name" data-label={NAMES[kind]}>
        <div>
          <button type="button" class="link-button" aria-expanded={isCurrent} onClick={onOpen}>{visible(row.title)}</button>
          {row.tags.length > 0 ? <p class="tag-list">{row.tags.map(([key, value]) => <span class="tag" key={key}>{visible(key)}: <b>{visible(value)}</b></span>)}</p> : null}
        </div>
      </td>
      {kind === "metrics" && !isBeside ? <td data-label="Type" class="muted">{row.type}</td> : null}
      {columns.map((column) => <td key={column.key} class={`number ${column.isWarm?.(row) ? "warm" : ""}`} data-label={column.label}>{column.text(row)}</td>)}
      {isBeside ? null : <td class="number muted" data-label={kind === "checks" ? "Failed first – last" : "First – last"}>{row.first === null || row.last === null ? "–" : `${timeText(row.first)} – ${timeText(row.last)}`}</td>}
    </tr>
  );
}

export function CountedTable({ kind, rows, sort, isBeside, current, onSort, onOpen }: TableProps): JSX.Element {
  const limit = useSignal(SHOWN_MOST);
  const columns = COLUMNS[kind].filter((column) => !isBeside || column.isMain);
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label={`Table of ${NAMES[kind]}`}>
      <label class="sort-by narrow-only">
        Sort by{" "}
        <select value={sort} onChange={(event) => onSort(event.currentTarget.value)}>
          <option value="name">Name</option>
          {COLUMNS[kind].map((column) => <option key={column.key} value={`-${column.key}`}>{column.label}</option>)}
        </select>
      </label>
      <table class="list counted-list">
        <thead>
          <tr>
            <Heading name="name" label={NAMES[kind]} title="By name" sort={sort} isText onSort={onSort} />
            {kind === "metrics" && !isBeside ? <th scope="col">Type</th> : null}
            {columns.map((column) => <Heading key={column.key} name={column.key} label={column.label} title={column.title} sort={sort} onSort={onSort} />)}
            {isBeside ? null : <Heading name="last" label={kind === "checks" ? "Failed first – last" : "First – last"} title="In all of the run" sort={sort} onSort={onSort} />}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, limit.value).map((row) => <Row key={row.key} row={row} columns={columns} kind={kind} isBeside={isBeside} isCurrent={row.key === current} onOpen={() => onOpen(row)} />)}
        </tbody>
      </table>
      {rows.length > limit.value ? <p class="empty">{count(rows.length - limit.value)} more.<button type="button" class="button" onClick={() => (limit.value += SHOWN_MOST)}>Show more</button></p> : null}
    </div>
  );
}
