/* The verdict: whether the run passes, by which threshold it does not, since when, and whether its measurement can be
 * believed. Thresholds of the page are changed here while a test runs. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { CAN_COMMAND, IS_REPORT } from "../../lib/build";
import { store } from "../../app-state";
import { linkTo } from "../../lib/route";
import type { Judged } from "../../live/judged";
import { Icon } from "../../parts/icons";
import { mayChange } from "../../live/who";
import { isOfOtherRun } from "../../range/state";
import { asked } from "../../verdict/state";
import { standingOf } from "../../verdict/words";
import { GateTable } from "./gates";
import { ChangeGates } from "./change";
import { Validity } from "./validity";

const MARKS = { pass: "✓", warn: "▲", fail: "✕", info: "●", idle: "○" } as const;

function Head({ judged, onChange }: { judged: Judged; onChange: () => void }): JSX.Element {
  const { word, tone, why } = standingOf(judged, store.hasRun.value);
  const canChange = !IS_REPORT && mayChange.value && store.isRunning.value && !store.isHeld.value;
  return (
    <section class={`panel verdict-head ${tone}`} aria-labelledby="verdict-word">
      <span class="verdict-mark" aria-hidden="true">{MARKS[tone]}</span>
      <div class="verdict-text" role="status">
        <h2 id="verdict-word">{word}</h2>
        <p>{why}</p>
        {judged.code === undefined ? null : <p class="note">Exit code <b>{judged.code}</b>{judged.reasons === "" ? "" : `: ${judged.reasons}`}</p>}
      </div>
      {canChange ? <button type="button" class="button" onClick={onChange}><Icon name="edit" />Change thresholds</button>
        : !CAN_COMMAND || !mayChange.value || store.isEnding.value ? null : <a class="button" href={linkTo("new")}><Icon name="edit" />{store.hasRun.value ? "Thresholds of the next test" : "Set thresholds"}</a>}
    </section>
  );
}

function None(): JSX.Element {
  return (
    <section class="panel empty">
      <p>A threshold says when a test has passed: <code>p95 of 'GET /cart' &lt; 300ms</code>, <code>fail_ratio &lt; 1% for 30s, stop</code>.</p>
      <p class="note">With <code>--threshold</code>, in the locustfile, or here: {IS_REPORT ? "this run had none." : "in New test, and while a test runs."}</p>
    </section>
  );
}

export function VerdictScreen(): JSX.Element {
  const isOpen = useSignal(false);
  const judged = asked.answer.value;
  if (isOfOtherRun.value) return <h1 class="visually-hidden">Verdict</h1>;
  return (
    <>
      <h1 class="visually-hidden">Verdict</h1>
      {asked.error.value !== "" ? <p class="callout fail" role="status">The verdict could not be had. {asked.error.value} <button type="button" class="button small" onClick={asked.retry}>Try again</button></p> : null}
      {judged === null ? (asked.error.value === "" ? <p class="panel empty">{IS_REPORT ? "This report has no verdict: it is of an older Katydid." : "Loading…"}</p> : null) : (
        <>
          <Head judged={judged} onChange={() => (isOpen.value = !isOpen.value)} />
          {!IS_REPORT && mayChange.value && isOpen.value && store.isRunning.value ? <ChangeGates judged={judged} onDone={() => { isOpen.value = false; asked.retry(); }} /> : null}
          {judged.thresholds.length === 0 ? <None /> : <GateTable thresholds={judged.thresholds} />}
          {store.hasRun.value ? <Validity judged={judged} /> : null}
        </>
      )}
    </>
  );
}
