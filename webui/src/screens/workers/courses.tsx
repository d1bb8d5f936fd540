/* The load generators over the range: the busiest core and the loop lag of each, and the users, with
 * the cursor of all charts. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { source, store } from "../../app-state";
import { TimeChart, pick, type Line } from "../../chart/time-chart";
import { count, msUnit } from "../../lib/format";
import { POINT } from "../../live/protocol";
import { NO_VIEW, type SeriesTable, type SeriesView } from "../../live/series";
import { chartView, chartsTrouble, courseKey } from "../../range/data";
import { useQuestion } from "../../range/question";
import { span } from "../../range/state";
import { nameOfWorker } from "../failures/by-worker";

const EVERY_S = 3;
const WORKERS_MOST = 6; // lines that can be told apart
const COLORS = ["--s1", "--s2", "--s3", "--s4", "--s5", "--s6"];
const DASHES: number[][] = [[], [8, 3], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4]];
const NAME_MOST = 32;

const USERS: Line[] = [
  { label: "users", color: "--users", fill: "--users-fill", value: pick(POINT.users) },
  { label: "target", color: "--muted", dash: [8, 5], width: 1, value: pick(POINT.target) },
];
const percentText = (value: number | null | undefined): string => (value === null || value === undefined ? "–" : `${value.toFixed(0)} %`);

/** One column of several tables side by side: workers may have come at different times. */
function beside(tables: readonly SeriesTable[], column: number, from: number, to: number): SeriesView {
  const views = tables.map((table) => table.view(from, to));
  const x = [...new Set(views.flatMap((view) => view.x))].sort((a, b) => a - b);
  const at = new Map(x.map((second, i) => [second, i]));
  const columns = views.map((view) => {
    const values = new Array<number | null>(x.length).fill(null);
    view.column(column).forEach((value, i) => (values[at.get(view.x[i]!)!] = value));
    return values;
  });
  return { x, step: tables[0]?.step ?? 1, column: (i) => columns[i] ?? [] };
}

interface Answer {
  from: number;
  to: number;
  indexes: number[];
  tables: SeriesTable[];
}

/** Those that were busiest, in their order. */
async function busiest(signal: AbortSignal): Promise<Answer> {
  const { from, to } = span.peek();
  const { workers } = await source.queries.range(from, to, signal);
  const chosen = [...workers].sort((a, b) => (b[4] ?? 0) - (a[4] ?? 0)).slice(0, WORKERS_MOST);
  const indexes = chosen.map(([index]) => index).sort((a, b) => a - b);
  const tables = await Promise.all(indexes.map((worker) => source.queries.series({ from, to, worker }, signal)));
  return { from, to, indexes, tables };
}

export function Courses(): JSX.Element | null {
  const asked = useQuestion(() => courseKey(EVERY_S), busiest, []);
  const answer = asked.answer.value;
  const [cpu, lag] = useMemo(() => [POINT.cpu, POINT.lag].map((column) => (answer === null ? NO_VIEW : beside(answer.tables, column, answer.from, answer.to))), [answer]);
  if (!store.hasRun.value) return null;
  const error = { error: asked.error.value, onRetry: asked.retry, ...(answer === null ? { empty: "Loading…" } : {}) };
  const lines: Line[] = (answer?.indexes ?? []).map((index, i) => ({
    label: nameOfWorker(index).slice(0, NAME_MOST), color: COLORS[i]!, dash: DASHES[i]!, value: pick(i),
  }));
  const more = store.workers.value.length > WORKERS_MOST ? { note: <p class="note">The {WORKERS_MOST} busiest of {count(store.workers.value.length)}.</p> } : {};
  return (
    <div class="charts">
      <TimeChart id="worker-cpu" title="Busiest core" unit="%" view={cpu!} lines={lines} format={percentText} kind="percent" {...error} {...more} />
      <TimeChart id="worker-lag" title="Worst loop lag" unit="ms" view={lag!} lines={lines} format={msUnit} kind="ms" {...error} {...more} />
      <TimeChart id="worker-users" title="Users" view={chartView.value} lines={store.run.value?.scenarios ? USERS.slice(0, 1) : USERS} format={count} kind="count" {...chartsTrouble.value} isWide />
    </div>
  );
}
