/* Live: how the test stands, at one look; and the same of any range of it. */
import type { JSX } from "preact";
import { store } from "../../app-state";
import { isOfOtherRun } from "../../range/state";
import { Why } from "../../why/why";
import { Charts } from "./charts";
import { Events } from "./events";
import { Tiles } from "./tiles";

export function LiveScreen(): JSX.Element | null {
  if (isOfOtherRun.value || (!store.hasRun.value && !store.isRunning.value)) return <h1 class="visually-hidden">Live</h1>;
  return (
    <>
      <h1 class="visually-hidden">Live</h1>
      <Tiles />
      <Why />
      <Charts />
      <Events />
    </>
  );
}
