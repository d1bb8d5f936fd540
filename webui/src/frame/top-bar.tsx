/* How the test stands, always in sight, and what can be done to it. */
import type { JSX } from "preact";
import { openDialog, source, store, type DialogName } from "../app-state";
import { markerAt } from "../chart/plot";
import { clock, count, msUnit, percent, rate, timespan, visible } from "../lib/format";
import { linkTo } from "../lib/route";
import { nextTheme, setTheme, theme } from "../lib/theme";
import { ROW } from "../live/protocol";
import { atLimit } from "../range/data";
import { Brand, Icon, type IconName } from "../parts/icons";
import { Status, toneOfRun } from "../parts/status";

function RunStatus(): JSX.Element | null {
  const run = store.run.value;
  if (run === null) return null;
  const elapsed = run.started > 0 ? (run.ended > 0 ? run.ended : run.now) - run.started : 0;
  const part = run.run_time > 0 ? Math.min(1, elapsed / run.run_time) : 0;
  return (
    <div class="run-status">
      <Status tone={toneOfRun(run.state)}>{run.state}</Status>
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

function Facts(): JSX.Element | null {
  const run = store.run.value;
  if (run === null || !store.hasRun.value) return null;
  const total = store.total.value as number[];
  const [requests, failures] = [total[ROW.requests] ?? 0, total[ROW.failures] ?? 0];
  const isOn = store.isRunning.value || store.isEnding.value;
  const workers = store.workers.value.length;
  const hot = workers - store.connectedWorkers.value + atLimit.value.size;
  return (
    <dl class="facts">
      <Fact rank={1} label="users" value={isOn && run.users !== run.target ? `${count(run.users)} / ${count(run.target)}` : count(run.users)} />
      <Fact rank={1} label="req/s" value={rate(isOn ? total[ROW.rps] : total[ROW.totalRps])} />
      <Fact rank={2} label="failed" value={requests > 0 ? `${percent(failures, requests)} %` : "–"} tone={failures > 0 ? "warm" : ""} />
      <Fact rank={2} label="p95" value={requests > 0 ? msUnit(total[ROW.p95]) : "–"} />
      {run.distributed ? <Fact rank={3} label="workers" value={`${store.connectedWorkers.value}/${workers}${hot > 0 ? " ▲" : " ✓"}`} tone={hot > 0 ? "hot" : ""} /> : null}
    </dl>
  );
}

function Actions(): JSX.Element | null {
  if (source.isRecorded) return null;
  const isOff = source.link.value.kind !== "live";
  const why = isOff ? "No connection to the master" : undefined;
  if (!store.hasRun.value && !store.isRunning.value) return null;
  const button = (dialog: DialogName, icon: IconName, label: string, kind = ""): JSX.Element => (
    <button type="button" class={`button ${kind} action-${dialog}`} disabled={isOff} title={why ?? label}
      onClick={() => { markerAt.value = null; openDialog.value = dialog; }}>
      <Icon name={icon} /><span class="action-label">{label}</span>
    </button>
  );
  if (store.isEnding.value) return <div class="actions" />;
  return (
    <div class="actions">
      {store.isRunning.value && !store.run.value?.shape ? button("edit", "edit", "Edit load") : null}
      {store.isRunning.value ? button("marker", "flag", "Marker") : null}
      {button("reset", "reset", "Reset")}
      {button("report", "report", "Report")}
      {store.isRunning.value ? button("stop", "stop", "Stop", "danger") : <a class="button primary action-start" aria-label="New test" href={linkTo("new")}><Icon name="play" /><span class="action-label">New test</span></a>}
    </div>
  );
}

const THEME_ICON = { system: "system", light: "sun", dark: "moon" } as const;

export function TopBar(): JSX.Element {
  const host = store.run.value?.host ?? "";
  return (
    <header class="top">
      <a class="brand" href={linkTo("live")} aria-label="Katydid"><Brand /><span class="brand-name">Katydid</span></a>
      <RunStatus />
      <Facts />
      <span class="host" title={visible(host)}>{visible(host)}</span>
      <Actions />
      <div class="tools">
        <button type="button" class="button quiet icon-only" aria-label={`Theme: ${theme.value}. Change to ${nextTheme()}`}
          title={`Theme: ${theme.value}`} onClick={() => setTheme(nextTheme())}>
          <Icon name={THEME_ICON[theme.value]} />
        </button>
        <button type="button" class="button quiet icon-only help-button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts" onClick={() => (openDialog.value = "help")}>
          <Icon name="help" />
        </button>
      </div>
    </header>
  );
}
