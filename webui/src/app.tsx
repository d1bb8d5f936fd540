/* The frame: top bar, navigation, banners, and the screen the address names. */
import { useErrorBoundary } from "preact/hooks";
import type { ComponentChildren, JSX } from "preact";
import { openDialog, source, store } from "./app-state";
import { clock, timespan, visible } from "./lib/format";
import { formatRoute, route, type Screen } from "./lib/route";
import { nextTheme, setTheme, theme } from "./lib/theme";
import { Banners } from "./parts/banners";
import { Dialogs } from "./parts/dialogs";
import { Brand, Icon, type IconName } from "./parts/icons";
import { Status, toneOfRun } from "./parts/status";
import { EndpointsScreen } from "./screens/endpoints";
import { FailuresScreen } from "./screens/failures";
import { LiveScreen } from "./screens/live";
import { WorkersScreen } from "./screens/workers";

const NAV: [Screen, string][] = [["live", "Live"], ["endpoints", "Endpoints"], ["failures", "Failures"], ["workers", "Workers"]];
const SCREENS: Record<Screen, () => JSX.Element> = {
  live: LiveScreen,
  endpoints: EndpointsScreen,
  failures: FailuresScreen,
  workers: WorkersScreen,
};

function Badge({ screen }: { screen: Screen }): JSX.Element | null {
  if (screen === "failures") {
    const kinds = store.failures.value[0] + store.exceptions.value[0];
    return kinds > 0 ? <span class="badge fail" aria-label={`${kinds} kinds`}>{kinds > 99 ? "99+" : kinds}</span> : null;
  }
  if (screen === "workers" && store.run.value?.distributed) {
    const missing = store.workers.value.length - store.connectedWorkers.value;
    return missing > 0 ? <span class="badge fail" aria-label={`${missing} gone`}>{missing}</span> : <span class="badge">{store.connectedWorkers.value}</span>;
  }
  return null;
}

function Nav(): JSX.Element {
  return (
    <nav class="nav" aria-label="Screens">
      {NAV.map(([screen, label]) => (
        <a key={screen} href={formatRoute({ screen, query: {} })} aria-current={route.value.screen === screen ? "page" : undefined} title={label}>
          <Icon name={screen as IconName} />
          <span class="nav-label">{label}</span>
          <Badge screen={screen} />
        </a>
      ))}
    </nav>
  );
}

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

function Actions(): JSX.Element | null {
  const isOff = source.link.value.kind !== "live";
  const why = isOff ? "No connection to the master" : undefined;
  if (!store.hasRun.value && !store.isRunning.value) return null;
  const button = (dialog: "edit" | "stop" | "reset" | "start", icon: IconName, label: string, kind = ""): JSX.Element => (
    <button type="button" class={`button ${kind}`} disabled={isOff} title={why ?? label} onClick={() => (openDialog.value = dialog)}>
      <Icon name={icon} /><span class="action-label">{label}</span>
    </button>
  );
  if (store.isEnding.value) return <div class="actions" />;
  return (
    <div class="actions">
      {store.isRunning.value && !store.run.value?.shape ? button("edit", "edit", "Edit load") : null}
      {button("reset", "reset", "Reset")}
      {store.isRunning.value ? button("stop", "stop", "Stop", "danger") : button("start", "play", "New test", "primary")}
    </div>
  );
}

const THEME_ICON = { system: "system", light: "sun", dark: "moon" } as const;

function TopBar(): JSX.Element {
  const host = store.run.value?.host ?? "";
  return (
    <header class="top">
      <a class="brand" href="#/live" aria-label="Katydid"><Brand /><span class="brand-name">Katydid</span></a>
      <RunStatus />
      {host !== "" ? <span class="host" title={visible(host)}>{visible(host)}</span> : <span class="host" />}
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

/** A screen that breaks says so; the frame and the other screens live on. */
function Guarded({ children }: { children: ComponentChildren }): JSX.Element {
  const [error, reset] = useErrorBoundary();
  if (error === undefined) return <>{children}</>;
  return (
    <section class="panel empty">
      <p>This screen has failed: {String((error as Error).message ?? error)}</p>
      <button type="button" class="button" onClick={reset}>Try again</button>
    </section>
  );
}

function Loading(): JSX.Element {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">Connecting to the master</span>
      <div class="tiles" aria-hidden="true">{[1, 2, 3, 4, 5, 6].map((n) => <div class="tile skeleton" key={n} />)}</div>
      <div class="panel skeleton tall" aria-hidden="true" />
    </div>
  );
}

export function App(): JSX.Element {
  const Screen = SCREENS[route.value.screen];
  const isStale = source.link.value.kind === "stale" || source.link.value.kind === "lost";
  return (
    <div class={`frame${isStale ? " is-stale" : ""}`}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the content</a>
      <TopBar />
      <Nav />
      <div class="banners"><Banners /></div>
      <main id="main" tabIndex={-1}>
        {store.run.value === null ? <Loading /> : <Guarded key={route.value.screen}><Screen /></Guarded>}
      </main>
      <Dialogs />
    </div>
  );
}
