/* How the test stands, always in sight, and what can be done to it. */
import { computed } from "@preact/signals";
import type { JSX } from "preact";
import { CAN_COMMAND, IS_REPORT, OWN_PAGE, STORED } from "../lib/build";
import { mayChange, signOut, who } from "../live/who";
import { openDialog, source, store, type DialogName } from "../app-state";
import { markerAt } from "../chart/plot";
import { clock, count, msUnit, percent, rate, timespan, visible } from "../lib/format";
import { stateWord } from "../lib/ramp";
import { linkTo, route } from "../lib/route";
import { nextTheme, setTheme, theme } from "../lib/theme";
import { ROW } from "../live/protocol";
import { rateOfNow } from "../range/data";
import { setTimeMode, timeMode } from "../range/state";
import { atLimit } from "../verdict/state";
import { isNarrow } from "../lib/narrow";
import { MODES } from "./time-bar";
import { Brand, Icon, type IconName } from "../parts/icons";
import { Menu, type MenuItem } from "../parts/menu";
import { Status, toneOfRun } from "../parts/status";

function RunStatus(): JSX.Element | null {
  const run = store.run.value;
  if (run === null) return null;
  const elapsed = run.started > 0 ? (run.ended > 0 ? run.ended : run.now) - run.started : 0;
  const part = run.run_time > 0 ? Math.min(1, elapsed / run.run_time) : 0;
  return (
    <div class="run-status">
      <Status tone={toneOfRun(run.state)}>{stateWord(run)}</Status>
      {run.started > 0 ? (
        <span class="elapsed">{clock(elapsed)}{run.run_time > 0 ? <span class="muted"> / {timespan(run.run_time)}</span> : null}</span>
      ) : null}
      {run.run_time > 0 && store.isRunning.value ? <progress class="run-progress" max={1} value={part} aria-label="Part of the run time" /> : null}
    </div>
  );
}

function Fact(props: { label: string; value: string; tone?: string; rank: number }): JSX.Element {
  return (
    <div class={`fact rank-${props.rank} ${props.tone ?? ""}`}>
      <dt>{props.label}</dt>
      <dd>{props.value}</dd>
    </div>
  );
}

/** The form of the next test: the numbers of the last one would only mislead there. */
const isPlanning = computed(() => route.value.screen === "new" && !store.isRunning.value && !store.isEnding.value);

function Facts(): JSX.Element | null {
  const run = store.run.value;
  if (run === null || !store.hasRun.value) return null;
  if (isPlanning.value) return null;
  const total = store.total.value as number[];
  const [requests, failures] = [total[ROW.requests] ?? 0, total[ROW.failures] ?? 0];
  const isOn = store.isRunning.value || store.isEnding.value;
  const workers = store.workers.value.length;
  const hot = workers - store.connectedWorkers.value + atLimit.value.size;
  return (
    <dl class="facts">
      {isOn ? <Fact rank={1} label="users" value={run.users !== run.target && !run.scenarios ? `${count(run.users)} ${run.users > run.target ? "→" : "/"} ${count(run.target)}` : count(run.users)} /> : null}
      <Fact rank={1} label="req/s" value={rate(isOn ? rateOfNow() : total[ROW.totalRps])} />
      <Fact rank={2} label="failed" value={requests > 0 ? `${percent(failures, requests)} %` : "–"} tone={failures > 0 ? "warm" : ""} />
      <Fact rank={2} label="p95" value={requests > 0 ? msUnit(total[ROW.p95]) : "–"} />
      {run.distributed ? <Fact rank={3} label="workers" value={`${store.connectedWorkers.value}/${workers}${hot > 0 ? " ▲" : " ✓"}`} tone={hot > 0 ? "hot" : ""} /> : null}
    </dl>
  );
}

function open(dialog: DialogName): void {
  markerAt.value = null;
  openDialog.value = dialog;
}

/** What one needs at once; the rest is in the menu beside it. */
function Actions(): JSX.Element | null {
  if (IS_REPORT || store.isHeld.value || store.isEnding.value) return null;
  const isOff = source.link.value.kind !== "live";
  if (!store.hasRun.value && !store.isRunning.value) return null;
  const button = (dialog: DialogName, icon: IconName, label: string, kind = ""): JSX.Element => (
    <button type="button" class={`button ${kind} action-${dialog}`} disabled={isOff} title={isOff ? "No connection to the master" : label} aria-label={label} onClick={() => open(dialog)}>
      <Icon name={icon} /><span class="action-label">{label}</span>
    </button>
  );
  if (isPlanning.value) return null; // its form has them
  if (STORED !== "") return <div class="actions"><a class="button action-start" aria-label="Back to now" href={OWN_PAGE}><Icon name="follow" /><span class="action-label">Back to now</span></a></div>;
  if (!mayChange.value) return null;
  return (
    <div class="actions">
      {store.isRunning.value && !store.run.value?.shape && !store.run.value?.scenarios ? button("edit", "edit", "Edit load") : null}
      {store.isRunning.value ? button("stop", "stop", "Stop", "danger") : <a class="button primary action-start" aria-label="New test" href={linkTo("new")}><Icon name="play" /><span class="action-label">New test</span></a>}
    </div>
  );
}

const THEME_ICON = { system: "system", light: "sun", dark: "moon" } as const;

const timeAt = (): number => MODES.findIndex(([mode]) => mode === timeMode.value);

/** Everything by name; what throws numbers away stands apart. */
function more(): MenuItem[] {
  const canAct = !IS_REPORT && store.hasRun.value && !store.isHeld.value;
  const isDisabled = source.link.value.kind !== "live";
  const item = (dialog: DialogName, icon: IconName, label: string): MenuItem => ({ icon, label, act: () => open(dialog), isDisabled });
  return [
    ...(canAct ? [item("report", "report", "Save a report…")] : []),
    ...(CAN_COMMAND && mayChange.value && canAct && store.isRunning.value ? [item("marker", "flag", "Set a marker…")] : []),
    { icon: THEME_ICON[theme.value], label: `Theme: ${theme.value}`, act: () => setTheme(nextTheme()) },
    ...(isNarrow.value && store.hasRun.value ? [{ icon: "live" as const, label: `Times: ${MODES[timeAt()]![1]}`, act: () => setTimeMode(MODES[(timeAt() + 1) % MODES.length]![0]) }] : []),
    { icon: "help", label: "Keyboard shortcuts", act: () => (openDialog.value = "help") },
    ...(who.value.asks ? [{ icon: "close" as const, label: `Sign out: ${who.value.name}`, act: () => void signOut() }] : []),
    ...(CAN_COMMAND && mayChange.value && canAct && !store.isEnding.value ? [{ ...item("reset", "reset", "Reset the statistics…"), isApart: true }] : []),
  ];
}

export function TopBar(): JSX.Element {
  const host = visible(store.run.value?.host ?? "");
  return (
    <header class="top">
      <a class="brand" href={linkTo("live")} aria-label="Katydid"><Brand /><span class="brand-name">Katydid</span></a>
      <RunStatus />
      <Facts />
      <span class="host" title={host}>{host}</span>
      <Actions />
      {IS_REPORT || mayChange.value ? null : <span class="muted viewer" title="The token that this page was opened with may look, but not start, stop or change anything">Viewing only</span>}
      <Menu label="More" items={more()} note={host} />
    </header>
  );
}
