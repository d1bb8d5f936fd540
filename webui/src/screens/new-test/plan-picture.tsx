/* The planned users over time, with an axis of users and one of time; stages have their number beside them. */
import type { JSX } from "preact";
import { clock, count } from "../../lib/format";
import type { Plan } from "./plan";

const WIDTH = 600;
const HEIGHT = 120;
const TOP = 18; // room for the highest label
const LABELS_MOST = 6;
const ROOM = 0.1; // of the width, for the label of a time

/** At most so many, the first and the last always. */
function thinned<T>(values: readonly T[]): T[] {
  const every = Math.max(1, Math.ceil((values.length - 1) / (LABELS_MOST - 1)));
  return values.filter((_, i) => i % every === 0 || i === values.length - 1);
}

function anchor(part: number): "start" | "middle" | "end" {
  return part < 0.04 ? "start" : part > 0.96 ? "end" : "middle";
}

/** When it takes another course, where there is room to say so. */
export function bendsOf({ points }: Pick<Plan, "points">, end: number): number[] {
  const found: number[] = [];
  for (const [at] of points) if (at >= end * ROOM + (found.at(-1) ?? 0) && at <= end * (1 - 1.5 * ROOM)) found.push(at);
  return found;
}

const USERS = (users: number): string => `${count(users)} ${users === 1 ? "user" : "users"}`;

interface PictureProps {
  plan: Plan | null;
  /** The highest value in words. */
  unit?: (value: number) => string;
  /** Of what it is the plan. */
  name?: string;
  /** How far it is, in seconds. */
  now?: number;
  /** What is said where there is no plan. */
  missing?: string;
}

export function PlanPicture({ plan, unit = USERS, name = "", now, missing = "What the load will be cannot be told before it runs." }: PictureProps): JSX.Element {
  if (plan === null) return <p class="note">{missing}</p>;
  const end = Math.max(...plan.points.map(([at]) => at), 1e-9);
  const highest = Math.max(...plan.points.map(([, value]) => value));
  const top = name === "" ? Math.max(highest, 1) : highest;
  const y = (users: number): number => HEIGHT - ((HEIGHT - TOP) * users) / top;
  const line = plan.points.map(([at, users], i) => `${i === 0 ? "M" : "L"}${((WIDTH * at) / end).toFixed(1)} ${y(users).toFixed(1)}`).join("");
  const stages = thinned(plan.stages);
  const times = plan.stages.length > 1 ? [...stages.map(([at]) => at), end] : [0, ...bendsOf(plan, end), end];
  const says = `${name === "" ? "Planned users" : `Plan of ${name}`}: ${plan.stages.length > 1 ? `${plan.stages.map(([at, users]) => `${count(users)} from ${clock(at)}`).join(", ")}` : `up to ${name === "" ? count(top) : unit(top)}`}${plan.isOpen ? ", until stopped" : `, ends after ${clock(end)}`}`;
  return (
    <figure class="plan" aria-label={says}>
      <svg aria-hidden="true">
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" height={HEIGHT} width="100%">
          <path class="plan-fill" d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}z`} />
          <path class={`plan-line${plan.isOpen ? " open" : ""}`} d={line} />
          {now !== undefined && now <= end ? <path class="plan-now" d={`M${((WIDTH * now) / end).toFixed(1)} ${TOP}V${HEIGHT}`} /> : null}
        </svg>
        {plan.stages.length > 1
          ? stages.map(([at, users]) => <text key={at} class="plan-users" x={`${(50 * (at + (plan.stages.find(([next]) => next > at)?.[0] ?? end))) / end}%`} y={y(users) - 5} text-anchor="middle">{count(users)}</text>)
          : <text class="plan-users" x="100%" dx="-4" y={TOP - 5} text-anchor="end">{unit(top)}</text>}
        {times.map((at, i) => {
          const isEnd = i === times.length - 1;
          return <text key={i} class="plan-time" x={`${(100 * at) / end}%`} y={HEIGHT + 16} text-anchor={isEnd ? "end" : anchor(at / end)}>{isEnd && plan.isOpen ? "until stopped" : clock(at)}</text>;
        })}
      </svg>
    </figure>
  );
}
