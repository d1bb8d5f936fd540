/* How a figure went over the runs of a profile: each run a point, levels as steps, and the runs since which a level holds. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { linkTo, route, setQuery } from "../../lib/route";
import { visible } from "../../lib/format";
import { askJson } from "../../live/ask";
import { Icon } from "../../parts/icons";
import { Status } from "../../parts/status";
import { useQuestion } from "../../range/question";
import { baseName } from "./model";
import { Overlay } from "./overlay";
import { bandOf, changeOf, dayOf, isWorse, levelsOf, levelWords, METRICS, ticksOf, valueOf, type TrendAnswer } from "./trends";

function Changes({ answer }: { answer: TrendAnswer }): JSX.Element {
  const newest = answer.points.at(-1);
  const outside = newest !== undefined && answer.expected !== null && newest.is_good && newest.value !== null && (newest.value < answer.expected[0] || newest.value > answer.expected[1]);
  return (
    <>
      {outside ? <p class="callout warn"><strong>The last run is outside of what the runs before it let expect:</strong> {valueOf(answer.metric, newest.value)}, expected {valueOf(answer.metric, answer.expected![0])} to {valueOf(answer.metric, answer.expected![1])} (99 %).</p> : null}
      {answer.changes.length === 0 ? <p class="note">{levelWords(answer)}</p> : (
        <ul class="trend-changes">
          {[...answer.changes].reverse().map((change) => {
            const point = answer.points[change.at]!;
            return (
              <li key={change.id}>
                <Status tone={isWorse(answer.metric, change.change) ? "fail" : "pass"}>{isWorse(answer.metric, change.change) ? "worse" : "better"}</Status>{" "}
                <b>{changeOf(answer.metric, change.change)}</b> since <a href={`./?stored=${encodeURIComponent(change.id)}#/live`}>the run of {dayOf(point)}</a>
                {point.commit === "" ? "" : <> (commit <code>{visible(point.commit.slice(0, 8))}</code>)</>}, by chance with a probability of {change.p < 0.0001 ? "less than 0.0001" : change.p.toFixed(4)}
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}

function Choice({ label, name, value, options }: { label: string; name: string; value: string; options: readonly [string, string][] }): JSX.Element {
  return (
    <label class="trend-choice">{label}
      <select value={value} onChange={(event) => setQuery({ [name]: event.currentTarget.value })}>
        {options.map(([key, words]) => <option key={key} value={key}>{words}</option>)}
      </select>
    </label>
  );
}

function Picture({ answer }: { answer: TrendAnswer }): JSX.Element {
  const [x, ticks] = useMemo(() => [answer.points.some((point) => point.is_good && point.value !== null) ? answer.points.map((_, i) => i) : [], ticksOf(answer.points)], [answer]);
  const lines = useMemo(() => [
    { label: "run", look: 0, values: answer.points.map((point) => (point.is_good ? point.value : null)) },
    { label: "level", look: 1, values: levelsOf(answer) },
  ], [answer]);
  const bands = useMemo(() => [{ look: 0, ...bandOf(answer) }], [answer]);
  return (
    <Overlay id="trend" title={`${METRICS.find(([key]) => key === answer.metric)?.[1] ?? answer.metric} over the runs`} unit={answer.name === "" ? "all requests" : visible(`${answer.method} ${answer.name}`)}
      along="runs" x={x} lines={lines} bands={bands} kind={answer.metric === "rps" ? "rate" : answer.metric === "fail_ratio" ? "rate" : "ms"} format={(value) => valueOf(answer.metric, value)}
      xWords={(i) => ticks[i] ?? ""} empty="No run that counts is stored." />
  );
}

export function Trend(): JSX.Element {
  const { trend: metric = "p95", profile = "", locustfile, method = "", name = "" } = route.value.query;
  const path = `trend?${new URLSearchParams({ metric, method, name, profile, ...(locustfile === undefined ? {} : { locustfile }) })}`;
  const asked = useQuestion(() => path, (abort) => askJson<TrendAnswer>(path, abort), [path]);
  const answer = asked.answer.value;
  const left = answer?.points.filter((point) => !point.is_good).length ?? 0;
  return (
    <>
      <section class="panel" aria-label="Trend">
        <header class="panel-head wraps"><h1>Trend <span class="unit">{visible(profile || baseName(locustfile ?? ""))}</span></h1><a class="button small" href={linkTo("runs")}><Icon name="left" />Runs</a></header>
        <div class="runs-filters">
          <Choice label="Figure" name="trend" value={metric} options={METRICS} />
          {(answer?.profiles.length ?? 0) > 1 ? <Choice label="Profile" name="profile" value={profile} options={answer!.profiles.map((one) => [one, one === "" ? "without one" : visible(one)])} /> : null}
        </div>
        {asked.error.value !== "" ? <p class="callout fail" role="alert">{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
        {answer === null ? (asked.error.value === "" ? <p class="empty" role="status">Loading…</p> : null) : <Changes answer={answer} />}
        {left > 0 ? <p class="note">{left} {left === 1 ? "run is" : "runs are"} left out: not valid, or interrupted.</p> : null}
      </section>
      {answer === null ? null : <Picture answer={answer} />}
    </>
  );
}
