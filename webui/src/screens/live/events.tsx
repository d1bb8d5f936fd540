/* What happened, newest first; a click shows the time around it. */
import type { JSX } from "preact";
import { store } from "../../app-state";
import { visible } from "../../lib/format";
import { shortIds } from "../../lib/state-words";
import { Status, type Tone } from "../../parts/status";
import { events } from "../../range/data";
import { setFixed, span } from "../../range/state";
import { timeText } from "../../range/time";

const MOST = 12;
const AROUND_S = 30;
const TONES: Record<string, Tone> = { saturated: "warn", worker: "info", marker: "info", stop: "idle", start: "pass", threshold: "fail" };

export function Events(): JSX.Element | null {
  const { from, to } = span.value;
  const inside = events.value.filter((event) => event.at >= from - 1 && event.at <= to + 1).reverse();
  if (inside.length === 0) return null;
  return (
    <section class="panel events" aria-labelledby="events-title">
      <header class="panel-head"><h2 id="events-title">Events <span class="unit">{inside.length > MOST ? `newest ${MOST} of ${inside.length}` : ""}</span></h2></header>
      <ul>
        {inside.slice(0, MOST).map((event, i) => (
          <li key={`${event.at} ${i}`}>
            <button type="button" title={`Show ${AROUND_S} s before and after`} disabled={store.run.value === null}
              onClick={() => setFixed({ from: event.at - AROUND_S, to: event.at + AROUND_S })}>
              <time>{timeText(event.at)}</time>
              <Status tone={TONES[event.kind] ?? "idle"}>{event.kind}</Status>
              <span class="event-text">{shortIds(visible(event.text))}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
