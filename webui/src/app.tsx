/* The frame: top bar, rail, time bar, banners, and the screen the address names. */
import { useErrorBoundary } from "preact/hooks";
import type { ComponentChildren, JSX } from "preact";
import { source, store } from "./app-state";
import { Rail } from "./frame/rail";
import { SCREEN_OF } from "./frame/screens";
import { TimeBar } from "./frame/time-bar";
import { TopBar } from "./frame/top-bar";
import { route } from "./lib/route";
import { Banners } from "./parts/banners";
import { Dialogs } from "./parts/dialogs";

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
      <span class="visually-hidden">{source.isRecorded ? "Reading the report" : "Connecting to the master"}</span>
      <div class="tiles" aria-hidden="true">{[1, 2, 3, 4, 5, 6].map((n) => <div class="tile skeleton" key={n} />)}</div>
      <div class="panel skeleton tall" aria-hidden="true" />
    </div>
  );
}

export function App(): JSX.Element {
  const Screen = SCREEN_OF[route.value.screen];
  const isStale = source.link.value.kind === "stale" || source.link.value.kind === "lost";
  return (
    <div class={`frame${isStale ? " is-stale" : ""}`}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the content</a>
      <TopBar />
      <Rail />
      <div class="banners" role="region" aria-label="State and time range">
        <Banners />
        {store.run.value === null ? <div class="time-bar skeleton-bar" aria-hidden="true" /> : <TimeBar />}
      </div>
      <main id="main" tabIndex={-1}>
        {store.run.value === null ? (source.link.value.kind === "broken" ? null : <Loading />) : <Guarded key={route.value.screen}><Screen /></Guarded>}
      </main>
      <Dialogs />
    </div>
  );
}
