/* One range rules the page: this bar shows it and changes it. */
import type { JSX } from "preact";
import { IS_REPORT } from "../lib/build";
import { store } from "../app-state";
import { timespan } from "../lib/format";
import { isElsewhere, route } from "../lib/route";
import { Icon } from "../parts/icons";
import { answer, chartView, isPaused, pauseView } from "../range/data";
import { LIVE_RANGES } from "../range/range";
import { goLive, isFixed, isLive, isOfOtherRun, liveText, runSpan, setFixed, setLive, setTimeMode, span, steadyFrom, timeMode, zoom, type TimeMode } from "../range/state";
import { timeText } from "../range/time";
import { Strip } from "./strip";

export const MODES: [TimeMode, string][] = [["elapsed", "since start"], ["local", "local"], ["utc", "UTC"]];

function Segments(): JSX.Element {
  const live = liveText.value;
  const length = runSpan.value.to - runSpan.value.from;
  const ranges = IS_REPORT ? LIVE_RANGES.filter(([key]) => key === "all") : LIVE_RANGES;
  const button = (key: string, label: string, title: string): JSX.Element => (
    <button type="button" key={key} aria-pressed={!isFixed.value && live === key} title={title} onClick={() => setLive(key)}>{label}</button>
  );
  return (
    <div class="segments" role="group" aria-label="Range">
      {ranges.map(([key, label]) => button(key, label, key === "all" ? "The whole run" : `The last ${label}`))}
      {steadyFrom.value !== null && length > 10 ? button("steady", "Steady", "Since all users ran for the first time") : null}
    </div>
  );
}

/** Whether there is a live edge to follow. */
function isGrowing(): boolean {
  return !IS_REPORT && store.isRunning.value;
}

function RangeText(): JSX.Element {
  const { from, to } = span.value;
  const step = chartView.value.step;
  const length = timespan(Math.round(to - from)) || "0s";
  const isBusy = isFixed.value && answer.isBusy.value;
  return (
    <p class="range-text">
      {isFixed.value ? <span class="range-chip">{isGrowing() ? "range, not live" : "selection"}</span> : isLive.value && !isPaused.value ? <span class="live-dot">live</span> : null}
      <span class="range-times">{timeText(from)} → {timeText(to)}</span>
      <span class="muted"> {length}{step > 1 ? `, ${step} s steps` : ""}{isBusy ? ", …" : ""}</span>
    </p>
  );
}

export function TimeBar(): JSX.Element | null {
  if (!store.hasRun.value || isElsewhere(route.value.screen) || runSpan.value.to <= runSpan.value.from) return null;
  return (
    <section class={`time-bar${isFixed.value ? " is-fixed" : ""}`} aria-label="Time range">
      <div class="time-row">
        <Segments />
        {isFixed.value ? (
          <button type="button" class="button small amber" title="End the selection (key .)" onClick={goLive}>
            <Icon name="follow" />{isGrowing() ? "Back to live" : "Whole run"}
          </button>
        ) : null}
        <RangeText />
        <div class="time-tools">
          <button type="button" class="button quiet icon-only small" aria-label="Zoom in" title="Zoom in (key +)" onClick={() => zoom(0.5)}><Icon name="plus" /></button>
          <button type="button" class="button quiet icon-only small" aria-label="Zoom out" title="Zoom out (key -)" onClick={() => zoom(2)}><Icon name="minus" /></button>
          {IS_REPORT || !store.isRunning.value ? null : (
            <button type="button" class="button quiet small pause" aria-pressed={isPaused.value} title="Freeze what is shown; the test goes on (space)" onClick={() => pauseView(!isPaused.value)}>
              <Icon name={isPaused.value ? "play" : "pause"} /><span class="pause-label">{isPaused.value ? `Frozen, ${store.held.value} held` : "Freeze"}</span>
            </button>
          )}
          <label class="time-mode">
            <span class="time-label">Times:</span>
            <select aria-label="Times" value={timeMode.value} onChange={(event) => setTimeMode(event.currentTarget.value as TimeMode)}>
              {MODES.map(([mode, label]) => <option key={mode} value={mode}>{label}</option>)}
            </select>
          </label>
        </div>
      </div>
      <Strip />
      {isOfOtherRun.value ? (
        <p class="callout warn">
          This link is of another run than the one that is shown.{" "}
          <button type="button" class="button small" onClick={() => setFixed(runSpan.value)}>Show this run</button>
          {IS_REPORT ? null : <>{" "}<a class="button small" href="#/runs">Look among the stored runs</a></>}
        </p>
      ) : null}
      {answer.error.value !== "" ? (
        <p class="callout fail" role="status">
          The numbers of this range could not be had. {answer.error.value}{" "}
          <button type="button" class="button small" onClick={() => answer.retry()}>Try again</button>
        </p>
      ) : null}
    </section>
  );
}
