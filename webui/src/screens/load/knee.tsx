/* A scenario that looks for the knee: what was done with so many users busy, level by level, the law that was fitted, and
 * where the knee and the capacity are. */
import type { JSX } from "preact";
import { MISSING, count, ms, percent, rate, visible } from "../../lib/format";
import type { Knee } from "../../live/scenarios";
import { doneWith, kneeWords } from "./knee-of";

const WIDTH = 600;
const HEIGHT = 200;
const CURVE_STEPS = 60;

function Picture({ of: { levels, law, knee, capacity } }: { of: Knee }): JSX.Element {
  const most = 1.1 * Math.max(...levels.map(({ users }) => users), knee?.users ?? 0);
  const top = 1.1 * Math.max(...levels.map(({ done }) => done), capacity?.high ?? 0, knee?.high ?? 0);
  const y = (value: number): number => HEIGHT * (1 - value / top);
  const curve = law === null ? "" : Array.from({ length: CURVE_STEPS + 1 }, (_, i) => `${i === 0 ? "M" : "L"}${(WIDTH * i) / CURVE_STEPS} ${y(doneWith(law, (most * i) / CURVE_STEPS)).toFixed(1)}`).join("");
  return (
    <figure class="plan" aria-label="Iterations done a second, by users busy">
      <svg aria-hidden="true" style={{ height: HEIGHT + 24 }}>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" height={HEIGHT} width="100%">
          {[knee, capacity].map((one, i) => (one === null ? null : <path key={i} class="plan-fill" d={`M0 ${y(one.high)}H${WIDTH}V${y(one.low)}H0z`} />))}
          <path class="plan-line" d={curve} />
          {knee === null ? null : <path class="plan-now" d={`M${(WIDTH * knee.users) / most} 0V${HEIGHT}`} />}
        </svg>
        {levels.map((one) => <circle key={one.from_s} class={`knee-level${one.is_saturated ? " saturated" : ""}${one.is_valid ? "" : " invalid"}`} cx={`${(100 * one.users) / most}%`} cy={y(one.done)} r="4" />)}
        <text class="plan-users" x="100%" dx="-4" y="14" text-anchor="end">{rate(top)}/s</text>
        {knee === null ? null : <text class="plan-time" x={`${(100 * knee.users) / most}%`} y={HEIGHT + 16} text-anchor="middle">knee</text>}
        <text class="plan-time" x="100%" y={HEIGHT + 16} text-anchor="end">{rate(most)} users busy</text>
      </svg>
    </figure>
  );
}

export function KneePanel({ of }: { of: Knee }): JSX.Element {
  const hasGood = of.levels.some(({ good }) => typeof good === "number");
  return (
    <section class="panel" aria-labelledby="knee-head">
      <header class="panel-head"><h2 id="knee-head">Knee <span class="unit">{of.state}</span></h2></header>
      {[...(of.why === "" ? [] : [visible(of.why)]), ...kneeWords(of)].map((text) => <p key={text} class="note">{text}</p>)}
      {of.levels.length === 0 ? null : (
        <>
          <Picture of={of} />
          <div class="table-scroll" tabIndex={0} role="region" aria-label="Levels">
            <table class="list">
              <thead><tr>{["Level", "Offered/s", "Done/s", ...(hasGood ? ["Good, %"] : []), "Users busy", "p50, ms", "p99, ms", ""].map((head) => <th key={head} scope="col" class="number">{head}</th>)}</tr></thead>
              <tbody>
                {of.levels.map((one, i) => (
                  <tr key={one.from_s}>
                    {[count(i + 1), rate(one.offered), rate(one.done), ...(hasGood ? [typeof one.good === "number" ? percent(one.good, 1) : MISSING] : []), rate(one.users), ms(one.p50), ms(one.p99), one.is_valid ? (one.is_saturated ? "saturated" : "") : "generator late"].map((text, n) => <td key={n} class="number">{text}</td>)}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}
