/* Failures of the range by kind, endpoint or worker, their course and samples; and exceptions of
 * the user's code. Asked for while this screen is open only. */
import type { ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";
import { CAN_COMMAND } from "../../lib/build";
import { source, store } from "../../app-state";
import { KindsChart } from "../../chart/kinds";
import type { KindsAnswer } from "../../chart/steps";
import { count } from "../../lib/format";
import { route, setQuery } from "../../lib/route";
import type { Failure } from "../../live/protocol";
import { Icon } from "../../parts/icons";
import { Status } from "../../parts/status";
import { rangeKey } from "../../range/data";
import { useQuestion } from "../../range/question";
import { isFixed, runSpan, span } from "../../range/state";
import { rangeWords } from "../../range/words";
import { ByWorker } from "./by-worker";
import { ExceptionList } from "./exceptions";
import { FailureTable } from "./kinds";
import { GROUPINGS, inRange, rowsOf, type Grouping } from "./model";

const EVERY_S = 2;
const WORDS: Record<Grouping, string> = { cause: "Cause", kind: "Message", endpoint: "Endpoint", worker: "Worker" };

const UNITS: Record<Grouping, [string, string]> = { cause: ["cause", "causes"], kind: ["message", "messages"], endpoint: ["endpoint", "endpoints"], worker: ["worker", "workers"] };
const unitOf = (by: Grouping, n: number): string => UNITS[by][n === 1 ? 0 : 1];

interface PanelProps {
  title: string;
  unit: string;
  csv: string;
  error: string;
  onRetry: () => void;
  tools?: ComponentChildren;
  /** What is said when there is nothing; "" when there is something. */
  empty: string;
  children: ComponentChildren;
}

function Panel(props: PanelProps): JSX.Element {
  return (
    <section class="panel" aria-label={props.title}>
      <header class="panel-head wraps">
        <h2>{props.title} <span class="unit">{props.unit}</span></h2>
        {props.tools}
        {props.unit !== "" && CAN_COMMAND ? <a class="button small" href={props.csv} download><Icon name="download" />CSV</a> : null}
      </header>
      {props.error !== "" ? <p class="callout fail">{props.error} <button type="button" class="button small" onClick={props.onRetry}>Try again</button></p> : null}
      {props.empty !== "" ? <p class="empty good"><Status tone={store.hasRun.value ? "pass" : "idle"}>{props.empty}</Status></p> : props.children}
    </section>
  );
}

function emptyWords(failures: Failure[] | undefined): string {
  if (!store.hasRun.value) return "No test has run yet.";
  if (!store.hasFailures.value) return "No request has failed.";
  if (failures === undefined || failures.some((failure) => inRange(failure) > 0)) return "";
  const outside = failures.reduce((sum, failure) => sum + failure.count, 0);
  return `No request has failed ${rangeWords()}; ${count(outside)} failed outside of it.`;
}

function GroupSwitch({ by }: { by: Grouping }): JSX.Element {
  return (
    <div class="segments small" role="group" aria-label="Group by">
      {GROUPINGS.map((name) => <button key={name} type="button" aria-pressed={by === name} onClick={() => setQuery({ by: name === "cause" ? "" : name })}>{WORDS[name]}</button>)}
    </div>
  );
}

function Failures({ answer, error, onRetry }: { answer: KindsAnswer | null; error: string; onRetry: () => void }): JSX.Element {
  const by = GROUPINGS.find((name) => name === route.value.query["by"]) ?? "cause";
  const rows = useMemo(() => answer === null ? [] : rowsOf(answer.failures, by === "worker" ? "cause" : by), [answer, by]);
  const all = rows.reduce((sum, row) => sum + row.inRange, 0);
  return (
    <Panel title={isFixed.value ? "Failures in the selection" : "Failures"} csv="stats/failures/csv" error={error} onRetry={onRetry}
      unit={rows.length > 0 ? `${count(all)}, ${count(rows.length)} ${unitOf(by === "worker" ? "cause" : by, rows.length)}` : ""}
      tools={rows.length > 0 ? <GroupSwitch by={by} /> : null} empty={emptyWords(answer?.failures)}>
      {answer === null ? (error === "" ? <p class="empty">Loading…</p> : null) : by === "worker" ? <ByWorker /> : <FailureTable rows={rows} by={by} />}
    </Panel>
  );
}

export function FailuresScreen(): JSX.Element {
  const asked = useQuestion<KindsAnswer>(
    () => (store.hasFailures.value ? rangeKey(EVERY_S) : null),
    async (signal) => {
      const { from, to } = span.peek();
      return { from, to, run: runSpan.peek(), ...(await source.queries.failuresOver(from, to, signal)) };
    },
    [],
  );
  const changed = (): string => `${store.run.value?.run ?? ""} ${store.exceptions.value.join()}`;
  const exceptions = useQuestion(() => (store.exceptions.value[0] > 0 ? changed() : null), (signal) => source.queries.exceptions(signal), []);
  const [kinds, raised] = store.exceptions.value;
  const hasFailures = store.hasFailures.value;
  return (
    <>
      <h1 class="visually-hidden">Failures</h1>
      {hasFailures ? <KindsChart answer={asked.answer.value} hasFailures={hasFailures} error={asked.error.value} onRetry={asked.retry} isWide /> : null}
      <Failures answer={asked.answer.value} error={asked.error.value} onRetry={asked.retry} />
      <Panel title="Exceptions" csv="exceptions/csv" error={exceptions.error.value} onRetry={exceptions.retry}
        unit={kinds > 0 ? `${count(raised)} in ${count(kinds)} ${kinds === 1 ? "kind" : "kinds"}, of the whole run` : ""}
        empty={kinds > 0 ? "" : store.hasRun.value ? "The locustfile has raised no exception." : "No test has run yet."}>
        {exceptions.answer.value ? <ExceptionList items={exceptions.answer.value} /> : exceptions.error.value === "" ? <p class="empty">Loading…</p> : null}
      </Panel>
    </>
  );
}
