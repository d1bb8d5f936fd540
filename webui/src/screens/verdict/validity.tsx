/* Whether the measurement can be believed: the seconds in which it cannot, by worker. */
import type { JSX } from "preact";
import { shortId, timespan } from "../../lib/format";
import { linkTo } from "../../lib/route";
import { causeWords } from "../../live/health";
import type { Judged } from "../../live/judged";
import { Status } from "../../parts/status";
import { setFixed } from "../../range/state";
import { timeText } from "../../range/time";
import { invalid } from "../../verdict/state";
import { byWorker } from "../../verdict/words";

const SPANS_MOST = 8; // of a worker

const lengthOf = (seconds: number): string => timespan(Math.max(1, Math.round(seconds)));

export function Validity({ judged }: { judged: Judged }): JSX.Element {
  const workers = byWorker(invalid.value);
  return (
    <section class="panel" aria-labelledby="validity-title">
      <header class="panel-head"><h2 id="validity-title">Measurement <span class="unit">of all of the run</span></h2><a href={linkTo("workers")}>Workers</a></header>
      {workers.length === 0 ? <p class="good"><Status tone={judged.valid ? "pass" : "warn"}>{judged.valid ? "valid: every worker kept up in every second" : "not valid"}</Status></p> : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Seconds that are not valid">
          <table class="list invalid">
            <thead><tr><th scope="col">Worker</th><th scope="col" class="number">Not valid for</th><th scope="col">From – to</th></tr></thead>
            <tbody>
              {workers.map(({ name, seconds, spans }) => (
                <tr key={name}>
                  <td data-label="Worker" class="name">{shortId(name)}</td>
                  <td data-label="Not valid for" class="number"><Status tone="warn">{lengthOf(seconds)}</Status></td>
                  <td data-label="From – to">
                    <ul>
                      {spans.slice(-SPANS_MOST).reverse().map(({ from, to, why }) => (
                        <li key={`${from} ${why}`}>
                          <button type="button" class="link" title="Select this time" onClick={() => setFixed({ from: Math.floor(from), to: Math.ceil(to) })}>{timeText(from)} – {timeText(to)}</button>{" "}
                          <span class="muted">{causeWords(why)}</span>
                        </li>
                      ))}
                      {spans.length > SPANS_MOST ? <li class="muted">and {spans.length - SPANS_MOST} earlier ones</li> : null}
                    </ul>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
