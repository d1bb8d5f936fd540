/* What the locustfile adds to the page: its tables and files. */
import type { JSX } from "preact";
import { store } from "../../app-state";
import { visible } from "../../lib/format";
import { askJson } from "../../live/ask";
import { Icon } from "../../parts/icons";
import { useQuestion } from "../../range/question";
import type { ExtraTable } from "./extensions";
import { extensions } from "./held";

const EVERY_S = 2;
const ROWS_MOST = 500;

type Row = Record<string, unknown>;
interface Statistics {
  extended_stats?: { key: string; data: Row[] }[];
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "–";
  return visible(typeof value === "object" ? JSON.stringify(value) : String(value));
}

function Table({ table, rows }: { table: ExtraTable; rows: Row[] }): JSX.Element {
  const isNumber = (key: string): boolean => rows.length > 0 && rows.every((row) => typeof row[key] === "number");
  return (
    <section class="panel" aria-label={table.title}>
      <header class="panel-head"><h2>{visible(table.title)} <span class="unit">{rows.length > ROWS_MOST ? `the first ${ROWS_MOST} of ${rows.length}` : ""}</span></h2></header>
      {rows.length === 0 ? <p class="empty">The locustfile has given no rows yet.</p> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={`Table: ${table.title}`}>
          <table class="list">
            <thead><tr>{table.columns.map((column) => <th key={column.key} scope="col" class={isNumber(column.key) ? "number" : ""}>{visible(column.title)}</th>)}</tr></thead>
            <tbody>
              {rows.slice(0, ROWS_MOST).map((row, i) => (
                <tr key={i}>
                  {table.columns.map((column) => <td key={column.key} data-label={visible(column.title)} class={isNumber(column.key) ? "number" : "name"}>{cellText(row[column.key])}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

export function ExtrasScreen(): JSX.Element {
  const { tables, files } = extensions.value;
  const asked = useQuestion(
    () => (tables.length > 0 ? `${store.run.value?.run ?? ""} ${store.state.value} ${store.isRunning.value ? Math.floor((store.run.value?.now ?? 0) / EVERY_S) : ""}` : null),
    (signal) => askJson<Statistics>("../../stats/requests", signal), [tables.length],
  );
  const given = asked.answer.value?.extended_stats;
  const rowsOf = (key: string): Row[] => {
    const data = Array.isArray(given) ? given.find((one) => one.key === key)?.data : undefined;
    return Array.isArray(data) ? data : [];
  };
  return (
    <>
      <h1 class="visually-hidden">Extras</h1>
      {asked.error.value !== "" ? <p class="callout fail">{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
      {files.length > 0 ? (
        <section class="panel" aria-label="Files">
          <header class="panel-head"><h2>Files</h2></header>
          <p class="try-row wraps">{files.map((file) => <a key={file.href} class="button" href={file.href} download><Icon name="download" />{visible(file.title)}</a>)}</p>
        </section>
      ) : null}
      {tables.map((table) => <Table key={table.key} table={table} rows={rowsOf(table.key)} />)}
      {tables.length + files.length === 0 ? <p class="empty">The locustfile adds nothing to this page.</p> : null}
    </>
  );
}
