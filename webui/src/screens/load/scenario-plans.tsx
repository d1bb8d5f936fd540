/* What scenarios are going to do: the resolved plan of each, on one time axis. */
import type { JSX } from "preact";
import { visible } from "../../lib/format";
import type { Scenario } from "../../live/scenarios";
import { PlanPicture } from "../new-test/plan-picture";
import { horizonOf, levelWords, pictureOf } from "./plan-of";

export function ScenarioPlan({ of, horizon, now }: { of: Scenario; horizon: number; now?: number | null }): JSX.Element {
  const isDrawn = of.stages.some(([, from, to]) => from > 0 || to > 0);
  return (
    <div class="scenario-plan">
      <p class="note">{visible(of.plan)}</p>
      {isDrawn ? <PlanPicture plan={pictureOf(of, horizon)} unit={levelWords(of)} name={of.name} {...(now === null || now === undefined ? {} : { now })} /> : null}
    </div>
  );
}

export function ScenarioPlans({ all }: { all: readonly Scenario[] }): JSX.Element {
  const horizon = horizonOf(all);
  return <>{all.map((one) => <ScenarioPlan key={one.name} of={one} horizon={horizon} />)}</>;
}
