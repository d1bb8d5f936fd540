/* The master was restarted and knows nothing of the run on the page: its numbers stay until somebody
 * has saved them, or does not need them any more. */
import type { JSX } from "preact";
import { say, store } from "../app-state";

export function Held(): JSX.Element {
  async function save(): Promise<void> {
    try {
      await (await import("../live/save-held")).saveHeld(store);
    } catch (error) {
      say(`The report could not be made: ${String((error as Error).message)}`, false);
    }
  }
  return (
    <>
      <strong>The master was restarted.</strong> These are the last numbers of its run, as far as this page has them.{" "}
      <button type="button" class="button small" onClick={() => void save()}>Save this run as a report</button>{" "}
      <button type="button" class="button small primary" onClick={() => store.release()}>Go to the new master</button>
    </>
  );
}
