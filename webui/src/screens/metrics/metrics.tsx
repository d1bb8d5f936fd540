/* Metrics: checks, groups, metrics of the script and requests by tags, over the range of the page; beside the table one
 * of them over time. */
import type { JSX } from "preact";
import { source, store } from "../../app-state";
import { saveCsv } from "../../lib/download";
import { count } from "../../lib/format";
import { useKeys } from "../../lib/keys";
import { isNarrow } from "../../lib/narrow";
import { pushQuery, route, setQuery } from "../../lib/route";
import type { MetricsAnswer, MetricSeries } from "../../live/judged";
import { Icon } from "../../parts/icons";
import { rangeKey } from "../../range/data";
import { useQuestion } from "../../range/question";
import { isOfOtherRun, isWhole, span } from "../../range/state";
import { rangeWords } from "../../range/words";
import { limitsOfMetric } from "../../verdict/limits";
import { thresholds } from "../../verdict/state";
import { COLUMNS, DEFAULT_SORT, NAMES, WORDS } from "./columns";
import { Courses, MetricDrill } from "./drill";
import { filteredRows, KINDS, kindOf, rowsOf, sortedRows, type CountedRow, type Kind } from "./model";
import { CountedTable } from "./table";

const EVERY_S = 2;
const QUANTITIES = ["value", "percent", "rate"] as const;

function saveRows(kind: Kind, rows: readonly CountedRow[]): void {
  saveCsv(`katydid-${kind}`, [
    [NAMES[kind], "tags", "type", "unit", ...COLUMNS[kind].map(({ label }) => label)],
    ...rows.map((row) => [row.title, row.tags.map(([key, value]) => `${key}:${value}`).join(" "), row.type, row.unit, ...COLUMNS[kind].map(({ key }) => row.numbers[key] ?? null)]),
  ]);
}

interface BarProps {
  kinds: readonly Kind[];
  kind: Kind;
  all: number;
  shown: CountedRow[];
  text: string;
}

function Bar({ kinds, kind, all, shown, text }: BarProps): JSX.Element {
  return (
    <div class="filter-bar">
      <div class="segments" role="group" aria-label="What was counted">
        {kinds.map((name) => <button key={name} type="button" aria-pressed={name === kind} onClick={() => setQuery({ of: name, sort: "", row: "", filter: "" })}>{WORDS[name]}</button>)}
      </div>
      <div class="search input-box">
        <Icon name="search" />
        <input id="filter" type="search" aria-label="Filter by name and tags" placeholder="Name or tag:value" value={text} onInput={(event) => setQuery({ filter: event.currentTarget.value })} />
      </div>
      <p class="note" role="status">{shown.length === all ? count(all) : `${count(shown.length)} of ${count(all)}`} {rangeWords()}</p>
      <button type="button" class="button" aria-label="CSV" title="The rows shown, as CSV" onClick={() => saveRows(kind, shown)}><Icon name="download" /><span class="action-label">CSV</span></button>
    </div>
  );
}

function emptyWords(text: string, all: number): string {
  if (text !== "" && all > 0) return "Nothing has that in its name or tags.";
  return store.seriesCount.value > 0 ? "Nothing was counted in this range." : "This test counts no checks, groups or metrics.";
}

/** Metrics that a threshold judges whole, over several series: the first series of each. */
function wholesOf(all: readonly MetricSeries[], kind: Kind): MetricSeries[] {
  const firsts = all.filter((one, i) => kindOf(one.metric) === kind && all.findIndex(({ metric }) => metric === one.metric) === i);
  return firsts.filter(({ metric }) => QUANTITIES.some((quantity) => limitsOfMetric(thresholds.value, metric, quantity, all).length > 0));
}

export function MetricsScreen(): JSX.Element {
  const asked = useQuestion<MetricsAnswer>(
    () => {
      const key = rangeKey(EVERY_S);
      return key === null ? null : `${key} ${isWhole.value}`;
    },
    (signal) => source.queries.metrics(isWhole.peek() ? null : { from: span.peek().from, to: span.peek().to }, signal),
    [],
  );
  const all = asked.answer.value?.series ?? [];
  const kinds = KINDS.filter((kind) => all.some(({ metric }) => kindOf(metric) === kind));
  const kind = KINDS.find((name) => name === route.value.query["of"]) ?? kinds[0] ?? "checks";
  const text = route.value.query["filter"] ?? "";
  const sort = route.value.query["sort"] || DEFAULT_SORT[kind];
  const rows = rowsOf(all, kind);
  const shown = sortedRows(filteredRows(rows, text), sort);
  const openKey = route.value.query["row"] ?? "";
  const open = rows.find(({ key }) => key === openKey);
  const step = (by: number): void => {
    const next = shown[Math.max(0, Math.min(shown.length - 1, shown.findIndex(({ key }) => key === openKey) + by))];
    if (next !== undefined) setQuery({ row: next.key });
  };
  useKeys((key) => {
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[key];
    if (by === undefined || openKey === "") return false;
    step(by);
    return true;
  });
  if (isOfOtherRun.value) return <h1 class="visually-hidden">Metrics</h1>;
  const leftOut = asked.answer.value?.left_out ?? 0;
  return (
    <div class={`screen-fill endpoints metrics${open !== undefined ? " has-drill" : ""}`}>
      <h1 class="visually-hidden">Metrics</h1>
      <div class="endpoints-list">
        <Bar kinds={kinds.includes(kind) || kinds.length === 0 ? kinds : [...kinds, kind]} kind={kind} all={rows.length} shown={shown} text={text} />
        {asked.error.value !== "" ? <p class="callout fail" role="status">{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
        {leftOut > 0 ? <p class="callout info">{count(leftOut)} more series are not listed: there are too many sets of tags{isWhole.value ? "" : ", or the range is too long to add all of them up"}.</p> : null}
        {asked.answer.value === null && asked.error.value === "" && store.seriesCount.value > 0 ? <p class="panel empty">Loading…</p>
          : shown.length === 0 ? <p class="panel empty">{emptyWords(text, rows.length)}</p> : (
            <section class="panel counted-panel" aria-label={WORDS[kind]}>
              <CountedTable kind={kind} rows={shown} sort={sort} isBeside={open !== undefined && !isNarrow.value} current={openKey} onSort={(next) => setQuery({ sort: next })} onOpen={(row) => (row.key === openKey ? setQuery({ row: "" }) : pushQuery({ row: row.key }))} />
            </section>
          )}
        {open !== undefined ? null : wholesOf(all, kind).map((of) => <Courses key={of.metric} of={of} all={all} isWhole />)}
      </div>
      {open === undefined ? null : <MetricDrill key={open.key} row={open} kind={kind} all={all} onStep={step} onClose={() => setQuery({ row: "" })} />}
    </div>
  );
}
