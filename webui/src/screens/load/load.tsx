/* Load: the scenarios of the test. Before it their plans; while it runs, and after it, what was due, started, late and
 * dropped, and one of them over time against its plan. */
import type { JSX } from "preact";
import { source, store } from "../../app-state";
import { count, visible } from "../../lib/format";
import { useKeys } from "../../lib/keys";
import { route, setQuery } from "../../lib/route";
import { isLoss } from "../../live/health";
import type { Scenario, ScenariosAnswer } from "../../live/scenarios";
import { useQuestion } from "../../range/question";
import { invalid } from "../../verdict/state";
import { IS_REPORT } from "../../lib/build";
import { mayChange } from "../../live/who";
import { canChange, Controls, pauseScenario, sliderId, throttleId } from "./controls";
import { StartCourses, UserCourse } from "./courses";
import { KneePanel } from "./knee";
import { horizonOf } from "./plan-of";
import { ScenarioPlan, ScenarioPlans } from "./scenario-plans";
import { ScenarioTable } from "./table";
import { remarksOf } from "./words";

const EVERY_S = 1;

function changes(): string | null {
  const run = store.run.value;
  if (run === null || source.link.value.kind === "broken") return null;
  const beat = store.isRunning.value || store.isEnding.value ? Math.floor(run.now / EVERY_S) : 0;
  return `${run.boot} ${run.run} ${run.state} ${run.plans ?? 0} ${run.notice} ${beat}`;
}

function Current({ of, told }: { of: Scenario; told: ScenariosAnswer }): JSX.Element {
  const isOn = store.isRunning.value && told.elapsed_s !== null;
  const counts = of.is_open || of.iterations !== undefined;
  return (
    <>
      {remarksOf(of, invalid.value.some((one) => !isLoss(one))).map(({ tone, text }) => <p key={text} class={`callout ${tone}`}>{visible(of.name)}: {text}</p>)}
      {of.knee === undefined ? null : <KneePanel of={of.knee} />}
      {counts ? <StartCourses of={of} told={told} /> : <UserCourse of={of} told={told} isAlone={told.scenarios.length === 1} />}
      <section class="panel" aria-labelledby="scenario-head">
        <header class="panel-head"><h2 id="scenario-head">Plan of {visible(of.name)}</h2></header>
        <ScenarioPlan of={of} horizon={horizonOf([of])} now={isOn ? told.elapsed_s : null} />
        {of.iterations !== undefined ? <p class="note">{count(of.started)} of {count(of.iterations)} iterations started.</p> : null}
      </section>
    </>
  );
}

export function LoadScreen(): JSX.Element {
  const asked = useQuestion<ScenariosAnswer | null>(changes, (signal) => source.queries.scenarios(signal), []);
  const told = asked.answer.value;
  const all = told?.scenarios ?? [];
  const name = route.value.query["scenario"] ?? "";
  const current = all.find((one) => one.name === name) ?? all[0];
  const isOn = store.isRunning.value && (told?.elapsed_s ?? null) !== null;
  const pickOne = (next: string): void => setQuery({ scenario: next });
  useKeys((key) => {
    const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[key];
    if (!IS_REPORT && mayChange.value && current !== undefined && isOn && canChange(current)) {
      if (key === "p") void pauseScenario(current).then(asked.retry);
      if (key === "r") document.getElementById(sliderId(current.name))?.focus();
      if (key === "b") document.getElementById(throttleId(current.name))?.focus();
      if (key === "p" || key === "r" || key === "b") return true;
    }
    const next = by === undefined || current === undefined ? undefined : all[all.indexOf(current) + by];
    if (next !== undefined) pickOne(next.name);
    return by !== undefined;
  });
  return (
    <>
      <h1 class="visually-hidden">Load</h1>
      {asked.error.value !== "" ? <p class="callout fail" role="status">{asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
      {current === undefined ? <p class="panel empty">{asked.isBusy.value && told === null ? "Loading…" : "This test has no scenarios."}</p> : told!.begun === null ? (
        <section class="panel" aria-labelledby="plan-head">
          <header class="panel-head"><h2 id="plan-head">Plan</h2></header>
          <ScenarioPlans all={all} />
        </section>
      ) : (
        <>
          <section class="panel counted-panel" aria-label="Scenarios"><ScenarioTable all={all} current={current.name} onPick={pickOne} /></section>
          {IS_REPORT || !mayChange.value || !isOn ? null : <Controls told={told!} current={current} onChanged={asked.retry} />}
          <Current key={current.name} of={current} told={told!} />
        </>
      )}
    </>
  );
}
