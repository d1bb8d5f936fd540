/* Filter, grouping, columns and download of the endpoints table. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { suggest, type Suggestion } from "../../lib/filter";
import { count } from "../../lib/format";
import { setQuery } from "../../lib/route";
import { remember } from "../../lib/storage";
import { Icon } from "../../parts/icons";
import { COLUMNS, DEFAULT_COLUMNS, FIXED_COLUMNS, type EndpointColumn } from "./columns";

export interface ToolbarProps {
  text: string;
  all: number;
  shown: number;
  problem: string;
  note: string;
  isHeld: boolean;
  depth: number;
  columns: EndpointColumn[];
  onCsv: () => void;
  isNarrow: boolean;
}

function ColumnChoice({ columns }: { columns: EndpointColumn[] }): JSX.Element {
  const isOpen = useSignal(false);
  const keys = columns.map((column) => column.key);
  const choose = (next: string[]): void => {
    const text = next.filter((key) => !FIXED_COLUMNS.includes(key)).join(",");
    remember("columns", text);
    setQuery({ columns: text });
  };
  return (
    <details class="mask columns" onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary class="button" aria-label="Columns"><Icon name="columns" /><span class="action-label">Columns</span></summary>
      {isOpen.value ? <div class="mask-list two">
        {COLUMNS.filter((column) => !FIXED_COLUMNS.includes(column.key)).map((column) => (
          <label class="check" key={column.key} title={column.title}>
            <input type="checkbox" checked={keys.includes(column.key)}
              onChange={(event) => choose(event.currentTarget.checked ? [...keys, column.key] : keys.filter((key) => key !== column.key))} />
            {column.label}
          </label>
        ))}
        <button type="button" class="button small" onClick={() => choose(DEFAULT_COLUMNS)}>Default columns</button>
      </div> : null}
    </details>
  );
}

/** What may come next; a pointer press does not take the focus from the field. */
function Suggestions({ list }: { list: Suggestion[] }): JSX.Element | null {
  if (list.length === 0) return null;
  return (
    <ul class="suggestions" aria-label="Suggestions">
      {list.map((one) => (
        <li key={one.label}>
          <button type="button" onPointerDown={(event) => event.preventDefault()} onClick={() => { setQuery({ filter: one.text }); document.getElementById("filter")?.focus(); }}>
            <b>{one.label}</b> <span class="muted">{one.title}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

const EXAMPLES: readonly [string, string][] = [
  ["cart", "the name has “cart”"], ["-login", "the name has no “login”"], ["cart|pay", "one of them"], ["method:post", "by method"], ["status:5xx", "some answer was 5xx; also 4xx, 0 for no answer"],
  ["p95 > 300 ms", "a condition on any column, by its heading"], ["failed > 1 %", "a part; “failed > 10” counts"], ["/^\\/api/", "a regular expression"],
];

function FilterHelp(): JSX.Element {
  return (
    <details class="mask filter-help">
      <summary class="button quiet icon-only" aria-label="Filter help" title="Filter help"><Icon name="help" /></summary>
      <div class="mask-list">
        <p class="note">Everything that is separated by blanks must hold.</p>
        <dl>{EXAMPLES.map(([text, says]) => <div key={text}><dt><button type="button" class="link" onClick={() => setQuery({ filter: text })}><code>{text}</code></button></dt><dd>{says}</dd></div>)}</dl>
      </div>
    </details>
  );
}

export function Toolbar(props: ToolbarProps): JSX.Element {
  const isTyped = useSignal(false);
  const what = props.depth > 0 ? (props.all === 1 ? "group" : "groups") : props.all === 1 ? "endpoint" : "endpoints";
  return (
    <div class="filter-bar">
      <div class="filter-field">
      <div class={`input-box search${props.problem ? " has-error" : ""}`}>
        <Icon name="search" />
        <input id="filter" type="search" aria-label="Filter the endpoints" placeholder="Filter: cart  -login  p95 > 300 ms"
          autocomplete="off" spellcheck={false} value={props.text} aria-describedby="filter-note"
          onInput={(event) => setQuery({ filter: event.currentTarget.value })}
          onFocus={() => (isTyped.value = true)} onBlur={() => (isTyped.value = false)}
          onKeyDown={(event) => event.key === "Escape" && (setQuery({ filter: "" }), event.currentTarget.blur())} />
      </div>
      {isTyped.value ? <Suggestions list={suggest(props.text)} /> : null}
      </div>
      <FilterHelp />
      <p class={`note${props.problem ? " error" : ""}`} id="filter-note" role="status">
        {props.problem || (props.text === "" ? `${count(props.all)} ${what}` : `${count(props.shown)} of ${count(props.all)}`)}
        {props.note !== "" && !props.problem && !props.isNarrow ? ` ${props.note}` : ""}
        {props.isHeld && !props.problem ? <span class="chip">order held</span> : null}
      </p>
      <label class={`group-by${props.isNarrow ? " short" : ""}`}>
        Group{" "}
        <select aria-label="Group by" value={String(props.depth)} onChange={(event) => setQuery({ group: event.currentTarget.value === "0" ? "" : event.currentTarget.value })}>
          <option value="0">none</option>
          <option value="1">path: 1 part</option>
          <option value="2">path: 2 parts</option>
          <option value="3">path: 3 parts</option>
        </select>
      </label>
      {props.isNarrow ? null : <ColumnChoice columns={props.columns} />}
      <button type="button" class="button" title="The rows shown, as CSV" onClick={props.onCsv}><Icon name="download" /><span class="action-label">CSV</span></button>
    </div>
  );
}
