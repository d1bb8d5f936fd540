/* Each threshold: how it stands, its value against its limit, since when it is broken, and where to look. */
import type { JSX } from "preact";
import { count, visible } from "../../lib/format";
import { linkTo } from "../../lib/route";
import type { Threshold } from "../../live/judged";
import { store } from "../../app-state";
import { Status } from "../../parts/status";
import { setFixed } from "../../range/state";
import { timeText } from "../../range/time";
import { tagsOf, byUrgency, limitWords, stateWords, titleOf, toneOf, valueWords, windowWords } from "../../verdict/words";
import { seriesText } from "../metrics/model";
import { LimitSpark } from "./spark";

const AROUND_S = 30;

/** Where what it measures is shown in full; null: nowhere. */
function whereOf(one: Threshold): { href: string; words: string } | null {
  const group = /^group '(.*)'$/.exec(one.scope)?.[1];
  if (group !== undefined) return { href: linkTo("metrics", { of: "groups", row: seriesText({ metric: "group_duration", tags: { group } }) }), words: "the group" };
  if (one.scope.startsWith("'") && one.row !== null) {
    const method = one.method || store.rows.methods[store.rows.names.indexOf(one.row)];
    if (one.row.includes("*") || method === undefined) return { href: linkTo("endpoints", { filter: one.row.replaceAll("*", " ").trim() }), words: "the endpoints" };
    return { href: linkTo("endpoints", { row: `${method} ${one.row}` }), words: "the endpoint" };
  }
  if (one.scope.startsWith("worker") || one.stat === "worker_cpu" || one.stat.startsWith("loop_lag")) return { href: linkTo("workers"), words: "the workers" };
  if (one.metric !== null && !one.scope.startsWith("all")) {
    const tags = tagsOf(one.scope);
    return { href: linkTo("metrics", { of: one.metric === "checks" ? "checks" : "metrics", filter: tags["check"] ?? one.metric }), words: one.metric === "checks" ? "the check" : "the metric" };
  }
  return one.scope.startsWith("all") ? { href: linkTo("endpoints", { row: "all" }), words: "all requests" } : null;
}

function Turned({ one }: { one: Threshold }): JSX.Element {
  const at = one.first_failed;
  if (at === null) return <span class="muted">–</span>;
  return (
    <button type="button" class="link" title={`Show ${AROUND_S} s before and after`} onClick={() => setFixed({ from: at - AROUND_S, to: at + AROUND_S })}>{timeText(at)}</button>
  );
}

function Rule({ one }: { one: Threshold }): JSX.Element {
  const notes = [
    one.name === null ? "" : one.text, windowWords(one) === "" || one.text.includes(windowWords(one).replace(" s", "s")) ? "" : windowWords(one),
    one.action === "stop" && !/,\s*stop\b/.test(one.text) ? "stops the test" : one.action === "warn" && !/,\s*warn\b/.test(one.text) ? "only told" : "",
    one.after > 0 && !one.text.includes("after") ? `after ${one.after} s` : "", one.warmup > 0 && !one.text.includes("warmup") ? `without the first ${one.warmup} s` : "",
  ].filter((note) => note !== "");
  return (
    <>
      <p class="gate-name">{one.name === null ? <code>{visible(one.text)}</code> : titleOf(one)}</p>
      <p class="note">{notes.map((note) => <span key={note}>{note === one.text ? <code>{visible(note)}</code> : note}, </span>)}{one.source === "start" ? "set on the page or by the API" : `from ${visible(one.source)}`}</p>
      {one.stopped ? <p class="note error">It stopped the test.</p> : null}
      {one.why !== "" ? <p class={one.failed ? "note error" : "note"}>{visible(one.why)}</p> : null}
      {one.warning !== null ? <p class="note">▲ {visible(one.warning)}</p> : null}
    </>
  );
}

function Row({ one }: { one: Threshold }): JSX.Element {
  const where = whereOf(one);
  return (
    <tr class={one.failed ? "gate broken" : "gate"}>
      <td data-label="State" class="gate-state"><Status tone={toneOf(one)}>{stateWords(one)}</Status></td>
      <td data-label="Threshold" class="gate-rule"><div><Rule one={one} /></div></td>
      <td data-label="Value" class="number gate-value"><b>{valueWords(one.shown)}</b></td>
      <td data-label="Limit" class="number">{one.op} {limitWords(one)}</td>
      <td data-label="Last minute" class="trend"><LimitSpark values={one.spark} limit={one.limit} isBroken={one.failed} /></td>
      <td data-label="First broken" class="number"><Turned one={one} /></td>
      <td data-label="Samples" class="number">{count(one.n)}</td>
      <td data-label="Look at">{where === null ? null : <a href={where.href}>{where.words}</a>}</td>
    </tr>
  );
}

export function GateTable({ thresholds }: { thresholds: readonly Threshold[] }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="gates-title">
      <header class="panel-head"><h2 id="gates-title">Thresholds <span class="unit">of all of the run</span></h2></header>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of thresholds">
        <table class="list gates">
          <thead>
            <tr>
              <th scope="col">State</th><th scope="col">Threshold</th><th scope="col" class="number">Value</th><th scope="col" class="number">Limit</th><th scope="col" class="trend">Last minute</th>
              <th scope="col" class="number">First broken</th><th scope="col" class="number">Samples</th><th scope="col">Look at</th>
            </tr>
          </thead>
          <tbody>{byUrgency(thresholds).map((one, i) => <Row key={`${one.source} ${one.text} ${i}`} one={one} />)}</tbody>
        </table>
      </div>
    </section>
  );
}
