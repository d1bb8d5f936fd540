/* Live: how the test stands, at one look; and the same of any range of it. */
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { source, store } from "../../app-state";
import { count, percent, ms, visible } from "../../lib/format";
import { go, linkTo } from "../../lib/route";
import { POINT, ROW } from "../../live/protocol";
import type { RowTable } from "../../live/rows";
import { LoadForm } from "../../parts/load-form";
import { SaturationNote } from "../../parts/saturation";
import { shown } from "../../range/data";
import { isFixed, isOfOtherRun } from "../../range/state";
import { Charts } from "./charts";
import { Events } from "./events";
import { Tiles } from "./tiles";

const ENOUGH = 20; // requests before an endpoint is called slow or failing
const MOST = 3; // named
const QUIET_S = 10;
const NAMED_S = 10; // that long the names stay: what moves every second cannot be read

function FirstStart(): JSX.Element {
  return (
    <div class="start">
      <section class="panel start-panel" aria-labelledby="start-title">
        <h1 id="start-title">Start a test</h1>
        <p class="lead">{store.hello.value?.locustfile ?? ""}</p>
        <LoadForm kind="start" onDone={() => undefined} />
        <p class="note more"><a href={linkTo("new")}>Choose classes, options and presets, or try one user first</a></p>
      </section>
    </div>
  );
}

function top(rows: RowTable, score: (slot: number) => number): number[] {
  const best: [number, number][] = [];
  for (let slot = 0; slot < rows.length; slot++) {
    if (rows.get(slot, ROW.requests) < ENOUGH) continue;
    const value = score(slot);
    if (!(value > 0) || (best.length === MOST && value <= best[MOST - 1]![0])) continue;
    best.push([value, slot]);
    best.sort((a, b) => b[0] - a[0]);
    best.length = Math.min(best.length, MOST);
  }
  return best.map(([, slot]) => rows.ids[slot]!);
}

/** The worst endpoints by id, chosen anew when there is another range, and now and then. */
function useWorst(rows: RowTable): { slow: number[]; failing: number[] } {
  const run = store.run.value;
  const key = `${run?.run} ${Math.floor((run?.now ?? 0) / NAMED_S)}`;
  const held = useRef<{ key: string; rows: RowTable; slow: number[]; failing: number[] } | null>(null);
  const isOld = held.current?.key !== key || (isFixed.value && held.current.rows !== rows);
  if (held.current === null || isOld || held.current.slow.length < MOST)
    held.current = {
      key, rows, slow: top(rows, (slot) => rows.get(slot, ROW.p95)),
      failing: top(rows, (slot) => rows.get(slot, ROW.failures) / rows.get(slot, ROW.requests)),
    };
  return held.current;
}

function Worst(): JSX.Element | null {
  const { rows } = shown.value;
  const worst = useWorst(rows);
  if (rows.length < 2) return null;
  const slots = (ids: number[]): number[] => ids.map((id) => rows.slotOf(id) ?? -1).filter((slot) => slot >= 0);
  const [slow, failing] = [slots(worst.slow), slots(worst.failing)];
  const link = (slot: number, text: string): JSX.Element => (
    <button type="button" class="link" key={rows.ids[slot]} onClick={() => go("endpoints", { row: String(rows.ids[slot]) })}>
      {visible(rows.methods[slot]!)} {visible(rows.names[slot]!).slice(0, 60)} <span class="strong">{text}</span>
    </button>
  );
  return (
    <p class="worst">
      {slow.length > 0 ? <span><span class="muted">Slowest</span> {slow.map((slot) => link(slot, `${ms(rows.get(slot, ROW.p95))} ms`))}</span> : null}
      {failing.length > 0 ? <span><span class="muted">Most failing</span> {failing.map((slot) => link(slot, `${percent(rows.get(slot, ROW.failures), rows.get(slot, ROW.requests))} %`))}</span> : null}
    </p>
  );
}

/** Users that do nothing that is counted: nobody should have to guess why the lines are flat. */
function QuietNote(): JSX.Element | null {
  const users = store.run.value?.users ?? 0;
  const seconds = store.isRunning.value && !source.isRecorded && !isFixed.value && users > 0 ? store.series.silence(POINT.rps) : 0;
  if (seconds < QUIET_S) return null;
  return (
    <p class="callout warn">
      No request has finished for {count(seconds)} s, though {count(users)} {users === 1 ? "user runs" : "users run"}: they wait, or wait for an answer.{" "}
      <a href={linkTo("workers")}>How the workers are</a>
    </p>
  );
}

export function LiveScreen(): JSX.Element | null {
  if (!store.hasRun.value && !store.isRunning.value) return <FirstStart />;
  if (isOfOtherRun.value) return <h1 class="visually-hidden">Live</h1>;
  const requests = store.total.value[ROW.requests] ?? 0;
  return (
    <>
      <h1 class="visually-hidden">Live</h1>
      <Tiles />
      {requests === 0 && store.isRunning.value ? (
        <p class="callout info">No request has finished yet: users are starting, {count(store.run.value!.users)} of {count(store.run.value!.target)}.</p>
      ) : null}
      <QuietNote />
      <SaturationNote />
      <Worst />
      <Charts />
      <Events />
    </>
  );
}
