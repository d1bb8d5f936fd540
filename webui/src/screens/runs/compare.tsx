/* Two to five stored runs side by side: what differs around them, which rows and failures only one has, courses from
 * the start of the load on, percentile curves with their ratio, and every figure with its interval. The first run is
 * what the others are compared with. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { count, msUnit, percent, rate, signedPercent, visible } from "../../lib/format";
import { linkTo, route, setQuery } from "../../lib/route";
import { askJson } from "../../live/ask";
import { tableOf } from "../../live/queries";
import { POINT, type DistributionAnswer, type HeatmapAnswer, type Series } from "../../live/protocol";
import { sideBySide, type SeriesTable } from "../../live/series";
import { Icon } from "../../parts/icons";
import { Status } from "../../parts/status";
import { useQuestion } from "../../range/question";
import { aligned, aloneWord, changeWords, differences, keyWords, knownCurves, plainWords, ratios, at as shareOf, sharesOf, sides, toneOfAnswer, valueWords, type CompareAnswer, type ContextRow, type Judged, type OnlyFailure, type Side } from "./compared";
import { heatDifference } from "./heat";
import { HeatDifferenceChart } from "./heat-chart";
import { COMPARED_MOST, momentOf, nameOf, type Run } from "./model";
import { LOOKS, Overlay, type OverlayBand, type OverlayLine } from "./overlay";

const LETTERS = "ABCDE";
const ROWS_SHOWN = 50;

interface Opened {
  run: Run;
  series: SeriesTable;
  distribution: DistributionAnswer;
  heatmap: HeatmapAnswer;
}

interface Answers {
  runs: Opened[];
  /** Each of the others with the first. */
  compared: CompareAnswer[];
}

async function open(id: string, abort: AbortSignal): Promise<Opened> {
  const answer = await askJson<Omit<Opened, "series"> & { series: Series }>(`runs/${encodeURIComponent(id)}/outline`, abort);
  return { ...answer, series: tableOf(answer.series) };
}

async function ask(ids: readonly string[], isForced: boolean, abort: AbortSignal): Promise<Answers> {
  const [reference, ...others] = ids;
  const compare = (id: string): Promise<CompareAnswer> => askJson(`compare?${new URLSearchParams({ a: reference!, b: id, ...(isForced ? { force: "1" } : {}) })}`, abort);
  const [runs, compared] = await Promise.all([Promise.all(ids.map((id) => open(id, abort))), Promise.all(others.map(compare))]);
  return { runs, compared };
}

/* -- which runs -- */

function Chosen({ ids, runs }: { ids: readonly string[]; runs: readonly Opened[] }): JSX.Element {
  const choose = (next: readonly string[]): void => setQuery({ compare: next.join() });
  return (
    <ul class="compared-runs" aria-label="Runs that are compared">
      {ids.map((id, i) => {
        const run = runs[i]?.run;
        return (
          <li key={id}>
            <svg class="key-sample" viewBox="0 0 20 8" aria-hidden="true"><path d="M0 4H20" class={`stroke${LOOKS[i]!.color}`} stroke-dasharray={LOOKS[i]!.dash.join(" ")} /></svg>
            <b>{LETTERS[i]}</b> <a href={`./?stored=${encodeURIComponent(id)}#/live`}>{run === undefined ? id : nameOf(run)}</a>
            <span class="muted">{run === undefined ? "" : momentOf(run)}{i === 0 ? " · reference" : ""}</span>
            {run === undefined ? null : <code class="muted">{id}</code>}
            {i === 0 ? null : <button type="button" class="button quiet small" onClick={() => choose([id, ...ids.filter((one) => one !== id)])}>Make it the reference</button>}
            {ids.length > 2 ? <button type="button" class="button quiet icon-only small" aria-label={`Leave ${LETTERS[i]} out`} onClick={() => choose(ids.filter((one) => one !== id))}><Icon name="close" /></button> : null}
          </li>
        );
      })}
    </ul>
  );
}

/* -- around the figures -- */

function Surroundings({ compared }: { compared: readonly CompareAnswer[] }): JSX.Element | null {
  const all = differences(compared);
  if (all.length === 0) return <p class="note">Nothing that is known of their surroundings differs.</p>;
  return (
    <details class="compared-around" open={all.length <= 6}>
      <summary>What differs around them: {all.map(({ key }) => keyWords(key)).join(", ")}</summary>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Table: what differs around the runs">
        <table class="list">
          <thead><tr><th scope="col">What</th>{all[0]!.values.map((_, i) => <th scope="col" key={i}>{LETTERS[i]}</th>)}</tr></thead>
          <tbody>{all.map(({ key, values }) => <tr key={key}><td data-label="What">{keyWords(key)}</td>{values.map((value, i) => <td key={i} data-label={LETTERS[i]} class="name">{plainWords(value, key)}</td>)}</tr>)}</tbody>
        </table>
      </div>
    </details>
  );
}

function FailureList({ title, list }: { title: string; list: readonly OnlyFailure[] }): JSX.Element | null {
  if (list.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="compared-failures">{list.map(([method, name, text, n]) => <li key={`${method} ${name} ${text}`}><b>{count(n)}</b> {visible(`${method} ${name}`)}: <span class="message">{visible(text)}</span></li>)}</ul>
    </>
  );
}

/* -- every figure with its interval -- */

function Cell({ judged }: { judged: Judged | undefined }): JSX.Element {
  if (judged === undefined) return <>–</>;
  return <div>{changeWords(judged)} <Status tone={toneOfAnswer(judged.answer)}>{judged.answer}</Status>{judged.more === "" ? null : <span class="muted"> {judged.more}</span>}</div>;
}

const WORDS: Record<string, string> = { fail_ratio: "failed", rps: "requests/s" };
const rowOf = ({ method, name }: Side): string => (name === "" ? "All requests" : visible(`${method} ${name}`));

function Changes({ compared }: { compared: readonly CompareAnswer[] }): JSX.Element {
  const all = sides(compared);
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table: changes with intervals">
      <table class="list compared-changes">
        <thead><tr><th scope="col">Of</th><th scope="col">Figure</th><th scope="col" class="number">A</th>{compared.map((_, i) => <th scope="col" class="number" key={i}>{LETTERS[i + 1]} (change [95 %])</th>)}</tr></thead>
        <tbody>
          {all.map((side) => (
            <tr key={`${side.stat} ${side.method} ${side.name}`}>
              <td data-label="Of" class="name">{rowOf(side)}</td><td data-label="Figure">{WORDS[side.stat] ?? side.stat}</td><td data-label="A" class="number">{valueWords(side.stat, side.before)}</td>
              {side.judged.map((judged, i) => <td key={i} data-label={LETTERS[i + 1]} class="number"><Cell judged={judged} /></td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/* -- rows without an interval -- */

function RowCells({ row }: { row: ContextRow }): JSX.Element {
  const [method, name, change, requestsA, failuresA, meanA, p95A, requestsB, failuresB, meanB, p95B] = row;
  const word = aloneWord(row);
  const pair = (a: string, b: string): string => (word === "new" ? b : word === "gone" ? a : `${a} → ${b}`);
  return (
    <tr>
      <td data-label="Endpoint" class="name">{visible(`${method} ${name}`)} {word === "" ? null : <span class="chip">{word}</span>}</td>
      <td data-label="Requests" class="number">{pair(count(requestsA), count(requestsB))}</td>
      <td data-label="Mean" class="number">{pair(msUnit(meanA), msUnit(meanB))}</td>
      <td data-label="p95" class="number">{pair(msUnit(p95A), msUnit(p95B))}</td>
      <td data-label="Failed" class="number">{pair(`${percent(failuresA, requestsA)} %`, `${percent(failuresB, requestsB)} %`)}</td>
      <td data-label="Time more" class="number">{change === null ? "–" : `${change < 0 ? "−" : "+"}${msUnit(Math.abs(change))}`}</td>
    </tr>
  );
}

function Rows({ compared }: { compared: readonly CompareAnswer[] }): JSX.Element | null {
  const which = useSignal(0);
  const answer = compared[Math.min(which.value, compared.length - 1)]!;
  return (
    <section class="panel" aria-label="Endpoints">
      <header class="panel-head wraps">
        <h2>Endpoints <span class="unit">all of the runs, A → {LETTERS[which.value + 1]}{answer.rows.length > ROWS_SHOWN ? `, the first ${ROWS_SHOWN} of ${count(answer.rows.length)}` : ""}</span></h2>
        {compared.length < 2 ? null : <div class="segments small" role="group" aria-label="Compared with A">{compared.map((_, i) => <button type="button" key={i} aria-pressed={which.value === i} onClick={() => (which.value = i)}>{LETTERS[i + 1]}</button>)}</div>}
      </header>
      <FailureList title={`Failures that only ${LETTERS[which.value + 1]} has`} list={answer.failures.new} />
      <FailureList title="Failures that only A has" list={answer.failures.gone} />
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Table: endpoints of both runs">
        <table class="list">
          <thead><tr>{["Endpoint", "Requests", "Mean", "p95", "Failed", "Time more"].map((head, i) => <th scope="col" key={head} class={i === 0 ? "" : "number"}>{head}</th>)}</tr></thead>
          <tbody>{answer.rows.slice(0, ROWS_SHOWN).map((row) => <RowCells key={`${row[0]} ${row[1]}`} row={row} />)}</tbody>
        </table>
      </div>
      <p class="note">Those that one of the two lacks first, then by what they contributed: the change of the mean times the requests. Figures with intervals stand above.</p>
    </section>
  );
}

/* -- pictures -- */

interface Curves {
  unit: string;
  shares: number[];
  lines: OverlayLine[];
  bands: OverlayBand[];
  changes: OverlayLine[];
  changeBands: OverlayBand[];
}

/** Of the steady parts with what is known of them; of runs that are not judged all of the runs, without. */
function curvesOf(runs: readonly Opened[], compared: readonly CompareAnswer[]): Curves {
  const known = knownCurves(compared);
  const label = (look: number): string => `${LETTERS[look]} to A`;
  if (known !== null) {
    return {
      unit: "steady parts", shares: known.shares,
      lines: known.runs.map(({ values }, look) => ({ label: LETTERS[look]!, look, values })), bands: known.runs.map(({ low, high }, look) => ({ look, low, high })),
      changes: known.changes.map(({ values }, i) => ({ label: label(i + 1), look: i + 1, values })), changeBands: known.changes.map(({ low, high }, i) => ({ look: i + 1, low, high })),
    };
  }
  const curves = runs.map(({ distribution }) => distribution.curve);
  const shares = sharesOf(curves, runs.map(({ distribution }) => distribution.count));
  return {
    unit: "all of the runs", shares, bands: [], changeBands: [],
    lines: curves.map((curve, look) => ({ label: LETTERS[look]!, look, values: shares.map((q) => shareOf(curve, q)) })),
    changes: curves.slice(1).map((curve, i) => ({ label: label(i + 1), look: i + 1, values: ratios(curves[0]!, curve, shares) })),
  };
}

function Charts({ runs, compared }: { runs: readonly Opened[]; compared: readonly CompareAnswer[] }): JSX.Element {
  const made = useMemo(() => {
    const views = runs.map(({ run, series }) => aligned(series, run.started ?? series.seconds[0] ?? 0));
    const courses = (column: number): { x: number[]; lines: OverlayLine[] } => {
      const together = sideBySide(views, column);
      return { x: together.x, lines: runs.map((_, i) => ({ label: LETTERS[i]!, look: i, values: together.column(i) })) };
    };
    const heats = runs.map(({ run, heatmap: answer }) => ({ answer, start: run.started ?? answer.from }));
    return {
      heat: heats.length < 2 ? null : heatDifference(heats[0]!, heats[1]!), curves: curvesOf(runs, compared),
      p95: courses(POINT.p95), rps: courses(POINT.rps), failed: courses(POINT.failRps), users: courses(POINT.users),
    };
  }, [runs, compared]);
  const { curves } = made;
  return (
    <div class="charts">{/* in two columns the change is below its curves */}
      <Overlay id="compare-p95" title="p95" unit="ms" along="time" kind="ms" format={msUnit} {...made.p95} />
      <Overlay id="compare-curves" title="Percentile curves" unit={`ms, ${curves.unit}`} along="shares" kind="ms" format={msUnit} x={curves.shares} lines={curves.lines} bands={curves.bands} empty="No request was answered." />
      <Overlay id="compare-rps" title="Requests" unit="per second" along="time" kind="rate" format={rate} {...made.rps} />
      <Overlay id="compare-ratios" title="Change per percentile" unit={`%, ${curves.unit}`} along="shares" kind="percent" format={(value) => signedPercent(value, 1)} x={curves.shares} lines={curves.changes} bands={curves.changeBands} isBothWays empty="No request was answered." />
      <Overlay id="compare-failed" title="Failed" unit="per second" along="time" kind="rate" format={rate} {...made.failed} />
      <Overlay id="compare-users" title="Users" unit="" along="time" kind="count" format={count} {...made.users} />
      <HeatDifferenceChart of={made.heat} names={["A", "B"]} />
    </div>
  );
}

/* -- all of it -- */

function Refusals({ answers, isForced }: { answers: Answers; isForced: boolean }): JSX.Element | null {
  const refused = answers.compared.map((answer, i) => [LETTERS[i + 1]!, answer] as const).filter(([, answer]) => answer.refusal !== null);
  if (refused.length === 0) return isForced ? <p class="callout warn">Compared although something speaks against it. <button type="button" class="button small" onClick={() => setQuery({ force: "" })}>Only what is comparable</button></p> : null;
  return (
    <div class="callout warn" role="status">
      {refused.map(([letter, answer]) => <p key={letter}><strong>A and {letter} are not judged:</strong> {visible(answer.refusal!)}.</p>)}
      {isForced ? null : <button type="button" class="button small" onClick={() => setQuery({ force: "1" })}>Compare them all the same</button>}
    </div>
  );
}

function Judgement({ answers }: { answers: Answers }): JSX.Element {
  const isForced = route.value.query["force"] === "1";
  const { compared } = answers;
  const remarks = [...new Set(compared.map(({ remarks: words }) => words.trim()).filter((words) => words !== ""))];
  return (
    <section class="panel" aria-label="Judgement">
      <header class="panel-head"><h2>What changed <span class="unit">the steady parts of the runs</span></h2></header>
      <Refusals answers={answers} isForced={isForced} />
      {remarks.map((words) => <p class="note" key={words}>{visible(words)}</p>)}
      <Surroundings compared={compared} />
      {compared.some((answer) => answer.lines.length > 0) ? <Changes compared={compared} /> : null}
    </section>
  );
}

export function Compare({ ids: given }: { ids: readonly string[] }): JSX.Element {
  const ids = given.slice(0, COMPARED_MOST);
  const asked = useQuestion(
    () => (ids.length > 1 ? `${ids.join()} ${route.value.query["force"] ?? ""}` : null),
    (abort) => ask(ids, route.peek().query["force"] === "1", abort), [ids.join()],
  );
  const answers = asked.answer.value;
  return (
    <>
      <section class="panel" aria-label="Compared runs">
        <header class="panel-head wraps"><h1>Compare</h1><a class="button small" href={linkTo("runs", { pick: ids.join() })}><Icon name="left" />Runs</a></header>
        <Chosen ids={ids} runs={answers?.runs ?? []} />
        {asked.error.value !== "" ? <p class="callout fail" role="alert">{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
        {ids.length < 2 ? <p class="empty">Tick two runs or more to compare them.</p> : answers === null && asked.error.value === "" ? <p class="empty" role="status">Reading the runs…</p> : null}
      </section>
      {answers === null ? null : <><Judgement answers={answers} /><Charts runs={answers.runs} compared={answers.compared} /><Rows compared={answers.compared} /></>}
    </>
  );
}
