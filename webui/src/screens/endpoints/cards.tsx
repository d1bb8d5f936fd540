/* The endpoints on a narrow page: a card each. */
import type { JSX } from "preact";
import { count, ms, percent, rate, visible } from "../../lib/format";
import { ROW } from "../../live/protocol";
import { useViewport, visibleRange } from "../../table/virtual";
import { COLUMNS } from "./columns";
import { TOTAL, valueOf, type Table } from "./model";

const CARD_HEIGHT = 84;

function Numbers({ table, slot }: { table: Table; slot: number }): JSX.Element {
  const get = (column: number): number => valueOf(table, slot, column);
  const [requests, failures] = [get(ROW.requests), get(ROW.failures)];
  const asides = ([["cut", ROW.cut], ["discarded", ROW.discarded], ["resent", ROW.resent]] as const)
    .map(([word, column]) => [word, get(column)] as const).filter(([, n]) => n > 0);
  return (
    <dl class="card-numbers">
      <div><dt>requests</dt><dd>{count(requests)}</dd></div>
      <div><dt>req/s</dt><dd>{rate(get(ROW.rps))}</dd></div>
      <div><dt>p95 ms</dt><dd>{requests > 0 ? ms(get(ROW.p95)) : "–"}</dd></div>
      <div class={failures > 0 ? "warm" : ""}><dt>failed %</dt><dd>{percent(failures, requests)}</dd></div>
      {asides.map(([word, n]) => <div key={word}><dt>{word}</dt><dd>{count(n)}</dd></div>)}
    </dl>
  );
}

export interface CardsProps {
  table: Table;
  order: number[];
  sort: string;
  onSort: (sort: string) => void;
  onOpen: (slot: number) => void;
}

export function Cards({ table, order, sort, onSort, onOpen }: CardsProps): JSX.Element {
  const view = useViewport();
  const [first, last] = visibleRange(view.top, view.height, CARD_HEIGHT, order.length);
  return (
    <>
      <label class="sort-by">
        Sort by{" "}
        <select value={sort} onChange={(event) => onSort(event.currentTarget.value)}>
          <option value="name">Name</option>
          {COLUMNS.filter((column) => column.number !== null).map((column) => <option key={column.key} value={`-${column.key}`} title={column.title}>{column.label}{column.unit ? ` ${column.unit}` : ""}</option>)}
        </select>
      </label>
      <div class="card total">
        <p class="card-name">Aggregated</p>
        <Numbers table={table} slot={TOTAL} />
      </div>
      <div class="cards-scroll" ref={view.ref} tabIndex={0} role="region" aria-label="Endpoints">
        <ul class="cards" style={{ height: `${order.length * CARD_HEIGHT}px` }}>
          {order.slice(first, last).map((slot, i) => (
            <li class="card" key={table.rows.ids[slot]} style={{ top: `${(first + i) * CARD_HEIGHT}px` }}>
              <button type="button" class="card-open" onClick={() => onOpen(slot)}>
                <span class="card-name"><span class="method">{visible(table.rows.methods[slot]!)}</span> {visible(table.rows.names[slot]!)}</span>
              </button>
              <Numbers table={table} slot={slot} />
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}
