/* Runs: all that are stored, newest first; from here one is opened, noted, pinned, deleted, and several are compared (compare.tsx),
 * or seen over time (trend.tsx): parts of this screen, by the address. */
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { store } from "../../app-state";
import { STORED } from "../../lib/build";
import { count, msUnit, rate, visible } from "../../lib/format";
import { pushQuery, route, setQuery } from "../../lib/route";
import { askJson } from "../../live/ask";
import { Icon } from "../../parts/icons";
import { Menu, type MenuItem } from "../../parts/menu";
import { Spark } from "../../parts/spark";
import { Status } from "../../parts/status";
import { useQuestion } from "../../range/question";
import { mayChange } from "../../live/who";
import { ChangeDialog, type Change } from "./change";
import { Compare } from "./compare";
import { COMPARED_MOST, commitOf, failedOf, iterationsOf, lengthOf, listPath, overRuns, PAGE, profileOf, resultOf, sentenceOf, ticked, usersOf, VERDICTS, whenOf, type Run, type RunsAnswer } from "./model";
import { Trend } from "./trend";
import "../../style/runs.css";

const EVERY_S = 15; // the run that is on is one of them

/** Counted up when somebody changed a run. */
const changes = signal(0);
const change = signal<Change | null>(null);

const chosenIds = (): string[] => (route.value.query["pick"] ?? "").split(",").filter((id) => id !== "");

/** The page of a stored run; of the one that is shown it is this page. */
function addressOf(run: Run): string {
  if (run.run !== undefined && run.run === store.run.value?.run) return "#/live";
  return `./?stored=${encodeURIComponent(run.id)}#/live`;
}

function Filters({ profiles }: { profiles: readonly string[] }): JSX.Element {
  const { text, profile, verdict, valid } = route.value.query;
  const set = (field: Record<string, string>): void => setQuery({ ...field, page: "" });
  return (
    <div class="runs-filters" role="search">
      <label class="input-box"><Icon name="search" /><span class="visually-hidden">Filter the runs</span>
        <input id="filter" type="search" autocomplete="off" spellcheck={false} placeholder="Note, tag, commit, host…" value={text ?? ""} onInput={(event) => set({ text: event.currentTarget.value })} /></label>
      {profiles.length > 1 ? (
        <select aria-label="Profile" value={profile ?? ""} onChange={(event) => set({ profile: event.currentTarget.value })}>
          <option value="">Any profile</option>
          {profiles.filter((name) => name !== "").map((name) => <option key={name} value={name}>{visible(name)}</option>)}
        </select>
      ) : null}
      <select aria-label="Result" value={verdict ?? ""} onChange={(event) => set({ verdict: event.currentTarget.value })}>
        {VERDICTS.map(([word, label]) => <option key={word} value={word}>{label}</option>)}
      </select>
      <label class="check"><input type="checkbox" checked={valid === "1"} onChange={(event) => set({ valid: event.currentTarget.checked ? "1" : "" })} />Valid only</label>
    </div>
  );
}

function itemsOf(run: Run): MenuItem[] {
  const item = (kind: Change["kind"], icon: MenuItem["icon"], label: string): MenuItem => ({ icon, label, act: () => (change.value = { kind, run }) });
  const isHeld = (run.pin ?? "") !== "" || run.state === "running";
  return [
    item("note", "edit", run.note ? "Change the note…" : "Write a note…"), item("pin", "pin", run.pin ? "Change the pin…" : "Pin…"),
    { ...item("delete", "close", run.pin ? "Delete… (take the pin away first)" : "Delete…"), isApart: true, isDisabled: isHeld },
  ];
}

function Labels({ run }: { run: Run }): JSX.Element | null {
  const tags = Object.entries(run.tags ?? {});
  if (!run.pin && !run.note && tags.length === 0) return null;
  return (
    <p class="run-labels">
      {run.pin ? <span class="run-pin"><Icon name="pin" />{visible(run.pin)}</span> : null}
      {tags.map(([key, value]) => <span class="run-tag" key={key}>{visible(`${key}=${value}`)}</span>)}
      {run.note ? <span class="run-note">{visible(run.note)}</span> : null}
    </p>
  );
}

function Row({ run, isTicked }: { run: Run; isTicked: boolean }): JSX.Element {
  const result = resultOf(run);
  return (
    <tr class={run.id === STORED ? "is-shown" : ""}>
      <td data-label="Compare"><input type="checkbox" class="tick" aria-label={`Compare ${sentenceOf(run)}`} checked={isTicked} disabled={run.state === "running"} onChange={() => setQuery({ pick: ticked(chosenIds(), run.id).join() })} /></td>
      <td data-label="Run"><div><a href={addressOf(run)}>{whenOf(run)}</a> <span class="muted">{profileOf(run)}</span><Labels run={run} /></div></td>
      <td data-label="Users" class="number" title={run.plans ? "as many as there were at most" : undefined}>{usersOf(run)}{run.iterations === undefined ? null : <div class="muted">{iterationsOf(run)}</div>}</td>
      <td data-label="Time" class="number">{lengthOf(run)}</td>
      <td data-label="req/s" class="number run-course"><Spark values={run.spark ?? []} tone="" />{rate(run.rps)}</td>
      <td data-label="p95" class="number">{msUnit(run.p95)}</td>
      <td data-label="Failed" class="number">{failedOf(run)}</td>
      <td data-label="Result">{result === null ? <span class="muted">–</span> : <Status tone={result[0]}>{result[1]}</Status>}</td>
      <td data-label="Commit">{commitOf(run) === "" ? <span class="muted">–</span> : <code>{commitOf(run)}</code>}{run.branch ? <span class="muted"> {visible(run.branch)}</span> : null}</td>
      <td data-label="Actions">{!mayChange.value ? null : <Menu label={`Actions for the run of ${whenOf(run)}`} items={itemsOf(run)} isSmall />}</td>
    </tr>
  );
}

/** How three figures went over the runs of this list. */
function Over({ runs }: { runs: readonly Run[] }): JSX.Element | null {
  const done = runs.filter((run) => run.state !== "running");
  if (done.length < 2) return null;
  const figures: [string, string, (run: Run) => number | null | undefined][] = [
    ["req/s", rate(done[0]!.rps), (run) => run.rps], ["p95", msUnit(done[0]!.p95), (run) => run.p95], ["failed", failedOf(done[0]!), (run) => run.fail_ratio],
  ];
  return (
    <dl class="runs-over" aria-label={`The last run, and how it went over ${done.length} runs`}>
      {figures.map(([label, now, figure]) => <div key={label}><dt>{label}</dt><dd>{now}</dd><Spark values={overRuns(done, figure)} tone={label === "failed" ? "failed" : ""} /></div>)}
    </dl>
  );
}

function Pages({ total, shown }: { total: number; shown: number }): JSX.Element | null {
  const page = Math.max(0, Math.floor(Number(route.value.query["page"] ?? 0)) || 0);
  if (total <= PAGE && page === 0) return null;
  const to = (next: number): void => pushQuery({ page: next > 0 ? String(next) : "" });
  return (
    <p class="runs-pages">
      <button type="button" class="button small" disabled={page === 0} onClick={() => to(page - 1)}><Icon name="left" />Newer</button>
      <span>{count(page * PAGE + 1)}–{count(page * PAGE + shown)} of {count(total)}</span>
      <button type="button" class="button small" disabled={page * PAGE + shown >= total} onClick={() => to(page + 1)}>Older<Icon name="right" /></button>
    </p>
  );
}

const HEADS: [string, string][] = [["", ""], ["Run", ""], ["Users", "number"], ["Time", "number"], ["req/s", "number"], ["p95", "number"], ["Failed", "number"], ["Result", ""], ["Commit", ""], ["", ""]];

function Table({ answer }: { answer: RunsAnswer }): JSX.Element {
  const chosen = chosenIds();
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table: stored runs">
      <table class="list runs-list">
        <thead><tr>{HEADS.map(([head, kind], i) => <th key={i} scope="col" class={kind}>{head || <span class="visually-hidden">{i === 0 ? "Compare" : "Actions"}</span>}</th>)}</tr></thead>
        <tbody>{answer.runs.map((run) => <Row key={run.id} run={run} isTicked={chosen.includes(run.id)} />)}</tbody>
      </table>
    </div>
  );
}

/** What can be done with those that are ticked, and with all of a kind. */
function Actions({ runs }: { runs: readonly Run[] }): JSX.Element {
  const chosen = chosenIds();
  const like = runs.find((run) => run.id === chosen[0]) ?? runs[0];
  return (
    <>
      {chosen.length > 0 ? <button type="button" class="button quiet small" onClick={() => setQuery({ pick: "" })}>Untick all</button> : null}
      <button type="button" class="button small" disabled={chosen.length < 2} title={chosen.length < 2 ? `Tick two to ${COMPARED_MOST} runs` : "The oldest tick is the reference"} onClick={() => pushQuery({ compare: chosen.join(), pick: "" })}>
        <Icon name="columns" />Compare{chosen.length > 0 ? ` (${chosen.length})` : ""}
      </button>
      {like === undefined ? null : <button type="button" class="button small" title={`Of the runs of ${profileOf(like)}`} onClick={() => pushQuery({ trend: "p95", profile: like.profile ?? "", locustfile: like.profile ? "" : like.locustfile ?? "" })}><Icon name="chart" />Trend</button>}
    </>
  );
}

function nothing(answer: RunsAnswer): string {
  const { text, profile, verdict, valid, page } = route.value.query;
  if ([text, profile, verdict, valid, page].some((field) => (field ?? "") !== "")) return "No stored run fits these filters.";
  return answer.notice !== "" ? `${visible(answer.notice)}.`.replace("..", ".") : "No run is stored yet. Every test that runs is: it will stand here.";
}

function List(): JSX.Element {
  const asked = useQuestion(
    () => `${listPath(route.value.query)} ${changes.value} ${store.run.value?.run ?? ""} ${store.state.value} ${store.isRunning.value ? Math.floor((store.run.value?.now ?? 0) / EVERY_S) : ""}`,
    (abort) => askJson<RunsAnswer>(listPath(route.peek().query), abort), [],
  );
  const answer = asked.answer.value;
  const { error } = asked;
  return (
    <>
      <section class="panel" aria-label="Stored runs">
        <header class="panel-head wraps">
          <h1>Runs <span class="unit">{answer === null ? "" : count(answer.total)}</span></h1>
          <Actions runs={answer?.runs ?? []} />
        </header>
        <Filters profiles={answer?.profiles ?? []} />
        {error.value !== "" ? <p class="callout fail" role="alert">{error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
        {answer === null ? (error.value === "" ? <p class="empty">Loading…</p> : null) : answer.runs.length === 0 ? <p class="empty">{nothing(answer)}</p> : <><Over runs={answer.runs} /><Table answer={answer} /><Pages total={answer.total} shown={answer.runs.length} /></>}
      </section>
      {change.value === null ? null : <ChangeDialog of={change.value} onClose={() => (change.value = null)} onDone={() => changes.value++} />}
    </>
  );
}

export function RunsScreen(): JSX.Element {
  const { compare = "", trend = "" } = route.value.query;
  if (compare !== "") return <Compare ids={compare.split(",").filter((id) => id !== "")} />;
  return trend !== "" ? <Trend /> : <List />;
}
