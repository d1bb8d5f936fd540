/* The frame of a chart: title, legend, menu (table, PNG, CSV, link, full screen), and what is shown
 * instead of a chart that is empty, wrong or broken. `t` and `f` work on the panel that has the
 * focus or the pointer. */
import { useSignal, type Signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useErrorBoundary, useRef } from "preact/hooks";
import { say } from "../app-state";
import { saveCsv, savePng, type CsvRow } from "../lib/download";
import { cssVar } from "../lib/theme";
import { Menu, type MenuItem } from "../parts/menu";

export const PANEL_KEY = "katydid-panel";

export interface PanelTable {
  head: string[];
  /** Newest or most important last; the table shows the end first. */
  rows: () => CsvRow[];
  text: (value: string | number | null | undefined, column: number) => string;
}

export interface PanelProps {
  id: string;
  title: string;
  unit?: string;
  /** Switches and legends, in the head. */
  legend?: ComponentChildren;
  tools?: ComponentChildren;
  table?: PanelTable;
  /** Why there is no chart; "" when there is one. */
  empty?: string;
  error?: string;
  onRetry?: () => void;
  isBusy?: boolean;
  isWide?: boolean;
  note?: ComponentChildren;
  children: ComponentChildren;
}

const PAGE_ROWS = 25;

function DataTable({ title, table }: { title: string; table: PanelTable }): JSX.Element {
  const page = useSignal(0);
  const rows = table.rows().reverse();
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const at = Math.min(page.value, pages - 1);
  return (
    <div class="chart-table" tabIndex={0} role="region" aria-label={`${title} as a table`}>
      <table>
        <thead><tr>{table.head.map((name) => <th scope="col" key={name}>{name}</th>)}</tr></thead>
        <tbody>
          {rows.slice(at * PAGE_ROWS, (at + 1) * PAGE_ROWS).map((row, i) => (
            <tr key={i}>
              {row.map((value, column) => (column === 0 ? <th scope="row" key={column}>{table.text(value, column)}</th> : <td key={column}>{table.text(value, column)}</td>))}
            </tr>
          ))}
        </tbody>
      </table>
      {pages > 1 ? (
        <p class="pager">
          <button type="button" class="button quiet small" disabled={at === 0} onClick={() => (page.value = at - 1)}>Newer</button>
          {at + 1} of {pages}
          <button type="button" class="button quiet small" disabled={at >= pages - 1} onClick={() => (page.value = at + 1)}>Older</button>
        </p>
      ) : null}
    </div>
  );
}

function fileName(props: PanelProps): string {
  return `katydid-${props.id}`;
}

function items(props: PanelProps, box: () => HTMLElement | null, asTable: Signal<boolean>, isFull: Signal<boolean>): MenuItem[] {
  const list: MenuItem[] = [];
  const table = props.table;
  if (table) {
    list.push({ icon: asTable.value ? "chart" : "table", label: asTable.value ? "Show as a chart" : "Show as a table", act: () => (asTable.value = !asTable.value) });
    list.push({ icon: "download", label: "Save as CSV", act: () => saveCsv(fileName(props), [table.head, ...table.rows()]) });
  }
  if (!asTable.value)
    list.push({
      icon: "download", label: "Save as PNG",
      act: () => {
        const canvas = box()?.querySelector("canvas");
        if (canvas) savePng(fileName(props), `${props.title}${props.unit ? `, ${props.unit}` : ""}`, canvas, cssVar("--panel"), cssVar("--ink"), cssVar("--font"));
      },
    });
  list.push({
    icon: "link", label: "Copy link to this view",
    act: () => void navigator.clipboard?.writeText(location.href).then(() => say("The link is copied.", true), () => say("The browser refused to copy.", false)),
  });
  list.push({ icon: "full", label: isFull.value ? "Leave full screen" : "Full screen", act: () => (isFull.value = !isFull.value) });
  return list;
}

function Body(props: PanelProps & { asTable: boolean }): JSX.Element {
  const [broken, reset] = useErrorBoundary();
  if (broken !== undefined)
    return (
      <div class="chart-box message-box">
        <p>This chart has failed: {String((broken as Error).message ?? broken)}</p>
        <button type="button" class="button" onClick={reset}>Try again</button>
      </div>
    );
  if (props.error)
    return (
      <div class="chart-box message-box" role="status">
        <p>{props.error}</p>
        {props.onRetry ? <button type="button" class="button" onClick={props.onRetry}>Try again</button> : null}
      </div>
    );
  if (props.empty) return <p class="chart-box message-box">{props.empty}</p>;
  if (props.asTable && props.table) return <DataTable title={props.title} table={props.table} />;
  return <>{props.children}</>;
}

export function ChartPanel(props: PanelProps): JSX.Element {
  const box = useRef<HTMLElement>(null);
  const asTable = useSignal(false);
  const isFull = useSignal(false);
  useEffect(() => {
    const target = box.current!;
    const hear = (event: Event): void => {
      const what = (event as CustomEvent<string>).detail;
      if (what === "table" && props.table) asTable.value = !asTable.value;
      if (what === "full") isFull.value = !isFull.value;
      if (what === "close") isFull.value = false;
    };
    target.addEventListener(PANEL_KEY, hear);
    return () => target.removeEventListener(PANEL_KEY, hear);
  }, [props.table === undefined]);
  return (
    <section ref={box} class={`panel chart${props.isWide ? " wide" : ""}${isFull.value ? " is-full" : ""}${props.isBusy ? " is-busy" : ""}`} aria-labelledby={`${props.id}-title`}>
      <header class="panel-head">
        <h2 id={`${props.id}-title`}>{props.title} {props.unit ? <span class="unit">{props.unit}</span> : null}</h2>
        {props.tools ? <div class="panel-tools">{props.tools}</div> : null}
        <Menu isSmall label={`${props.title}: more`} items={items(props, () => box.current, asTable, isFull)} />
      </header>
      {props.legend === undefined ? null : <div class="legend">{props.legend}</div>}
      <Body {...props} asTable={asTable.value} />
      {props.note}
    </section>
  );
}
