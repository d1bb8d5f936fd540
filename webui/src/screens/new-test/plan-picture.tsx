/* The planned users over time, as a line. */
import type { JSX } from "preact";
import { clock, count } from "../../lib/format";
import type { Plan } from "./plan";

const WIDTH = 600;
const HEIGHT = 120;

export function PlanPicture({ plan }: { plan: Plan | null }): JSX.Element {
  if (plan === null) return <p class="note">What the load will be cannot be told before it runs.</p>;
  const end = Math.max(...plan.points.map(([at]) => at), 1e-9);
  const top = Math.max(...plan.points.map(([, users]) => users), 1);
  const x = (at: number): number => (WIDTH * at) / end;
  const y = (users: number): number => HEIGHT - 4 - ((HEIGHT - 10) * users) / top;
  const line = plan.points.map(([at, users], i) => `${i === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(users).toFixed(1)}`).join("");
  const says = `Planned users: up to ${count(top)}${plan.isOpen ? ", until stopped" : `, ends after ${clock(end)}`}`;
  return (
    <figure class="plan" aria-label={says}>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="plan-fill" d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}z`} />
        <path class={`plan-line${plan.isOpen ? " open" : ""}`} d={line} />
      </svg>
      <figcaption class="plan-scale">
        <span>0:00</span>
        <span>{count(top)} {top === 1 ? "user" : "users"} at the peak</span>
        <span>{plan.isOpen ? "until stopped" : clock(end)}</span>
      </figcaption>
    </figure>
  );
}
