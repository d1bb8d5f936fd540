/* The frame: top bar, rail, time bar, banners, and the screen the address names. */
import { useEffect, useErrorBoundary } from "preact/hooks";
import type { ComponentChildren, JSX } from "preact";
import { IS_REPORT } from "./lib/build";
import { source, store } from "./app-state";
import { Rail } from "./frame/rail";
import { Shelf } from "./frame/lazy";
import { LAZY } from "./frame/screens";
import { TimeBar } from "./frame/time-bar";
import { TopBar } from "./frame/top-bar";
import { keepFocus } from "./lib/focus";
import { route, type Screen } from "./lib/route";
import { Banners } from "./parts/banners";
import { Dialogs } from "./parts/dialogs";
import { mayChange } from "./live/who";
import { LiveScreen } from "./screens/live/live";

export const shelf = new Shelf(LAZY);

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
      <span class="visually-hidden">{IS_REPORT ? "Reading the report" : "Connecting to the master"}</span>
      <div class="tiles" aria-hidden="true">{[1, 2, 3, 4, 5, 6].map((n) => <div class="tile skeleton" key={n} />)}</div>
      <div class="panel skeleton tall" aria-hidden="true" />
    </div>
  );
}

/** Files of the page have their content in their names: those of another version of the master are not there. */
function Missing(): JSX.Element {
  return (
    <section class="panel empty">
      <p>This screen could not be loaded: the master does not answer, or is of another version than this page.</p>
      <button type="button" class="button" onClick={() => location.reload()}>Reload the page</button>
    </section>
  );
}

/** Who may only look is shown no form. */
function Waiting({ hasNone }: { hasNone: boolean }): JSX.Element {
  return (
    <section class="panel empty">
      <p>{hasNone ? "No test has run yet: what one measures is shown here from its start. " : ""}The token that this page was opened with may look, but not start or change a test.</p>
    </section>
  );
}

/** Before the first run there is nothing to look at live: the way to it is shown. */
function ScreenOf({ name: asked }: { name: Screen }): JSX.Element {
  const hasNone = !IS_REPORT && !store.hasRun.value && !store.isRunning.value;
  const name = asked === "live" && hasNone ? "new" : asked;
  useEffect(() => document.getElementById("main")?.scrollTo(0, 0), [name]); // the place in one screen is none in another
  if (!IS_REPORT && name === "new" && !mayChange.value) return <Waiting hasNone={hasNone} />;
  if (name === "live") return <LiveScreen />;
  const fetched = shelf.of(name);
  if (fetched.kind === "coming") return <Loading />;
  if (fetched.kind === "failed") return <Missing />;
  return <fetched.component />;
}

export function App(): JSX.Element {
  useEffect(keepFocus, [route.value.screen, store.state.value]);
  const isStale = source.link.value.kind === "stale" || source.link.value.kind === "lost";
  return (
    <div class={`frame${isStale ? " is-stale" : ""}`}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the content</a>
      <TopBar />
      <Rail />
      <div class="banners" role="region" aria-label="State and time range">
        <Banners />
        {store.run.value !== null ? <TimeBar /> : route.value.screen === "new" ? null : <div class="time-bar skeleton-bar" aria-hidden="true" />}
      </div>
      {/* Its place depends on whether there is a run to have a time bar for: it is another one once that is known, and does not jump. */}
      <main id="main" key={store.run.value === null ? "loading" : "known"} tabIndex={-1}>
        {store.run.value === null ? (source.link.value.kind === "broken" ? null : <Loading />) : <Guarded key={route.value.screen}><ScreenOf name={route.value.screen} /></Guarded>}
      </main>
      <Dialogs />
    </div>
  );
}
