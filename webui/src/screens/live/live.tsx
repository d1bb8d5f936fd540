/* Live: how the test stands, at one look; and the same of any range of it. */
import type { JSX } from "preact";
import { IS_REPORT } from "../../lib/build";
import { store } from "../../app-state";
import { count } from "../../lib/format";
import { linkTo } from "../../lib/route";
import { POINT, ROW } from "../../live/protocol";
import { SaturationNote } from "../../parts/saturation";
import { isFixed, isOfOtherRun } from "../../range/state";
import { Why } from "../../why/why";
import { Charts } from "./charts";
import { Events } from "./events";
import { Tiles } from "./tiles";

const QUIET_S = 10;

/** Users that do nothing that is counted: nobody should have to guess why the lines are flat. */
function QuietNote(): JSX.Element | null {
  const users = store.run.value?.users ?? 0;
  const seconds = store.isRunning.value && !IS_REPORT && !isFixed.value && users > 0 ? store.series.silence(POINT.rps) : 0;
  if (seconds < QUIET_S) return null;
  return (
    <p class="callout warn">
      No request has finished for {count(seconds)} s, though {count(users)} {users === 1 ? "user runs" : "users run"}: they wait, or wait for an answer.{" "}
      <a href={linkTo("workers")}>How the workers are</a>
    </p>
  );
}

export function LiveScreen(): JSX.Element | null {
  if (isOfOtherRun.value || (!store.hasRun.value && !store.isRunning.value)) return <h1 class="visually-hidden">Live</h1>;
  const requests = store.total.value[ROW.requests] ?? 0;
  return (
    <>
      <h1 class="visually-hidden">Live</h1>
      <Tiles />
      {requests === 0 && store.isRunning.value && !store.run.value!.setup ? (
        <p class="callout info">No request has finished yet: users are starting, {count(store.run.value!.users)}{store.run.value!.scenarios ? " so far" : ` of ${count(store.run.value!.target)}`}.</p>
      ) : null}
      <QuietNote />
      <SaturationNote />
      <Why />
      <Charts />
      <Events />
    </>
  );
}
