/* The scenarios, one a row: what the plan says of now, and what came of it. */
import type { JSX } from "preact";
import { count, ms, percent, rate, visible } from "../../lib/format";
import type { Scenario } from "../../live/scenarios";
import { isLate } from "./words";

interface Column {
  label: string;
  title: string;
  text: (of: Scenario) => string;
  isWarm?: (of: Scenario) => boolean;
  /** Only where one of them has it. */
  isRare?: (of: Scenario) => boolean;
}

const counts = (of: Scenario): boolean => of.is_open || of.iterations !== undefined;
const counted = (value: (of: Scenario) => number) => (of: Scenario): string => (counts(of) ? count(value(of)) : "–");
const delay = (of: Scenario): string => (of.start_delay === null ? "–" : `${ms(of.start_delay.p50)} / ${ms(of.start_delay.p99)} / ${ms(of.start_delay.max)}`);
const started = (of: Scenario): string => (counts(of) ? `${count(of.started)}${of.interrupted > 0 ? ` (${count(of.interrupted)} cut off)` : ""}` : "–");
const dropped = (of: Scenario): string => (counts(of) ? `${count(of.dropped)}${of.dropped > 0 ? ` (${percent(of.dropped, of.due)} %)` : ""}` : "–");

const COLUMNS: readonly Column[] = [
  { label: "Plan now", title: "What the plan says of now: iterations a second, or users", text: (of) => (of.is_paused ? "paused" : of.is_open ? `${rate(of.level)}/s` : `${count(of.level)} users`) },
  { label: "Throttle", title: "Requests a second that its users may send now, at most", text: (of) => (typeof of.throttle === "number" ? `${rate(of.throttle)}/s` : "–"), isRare: (of) => typeof of.throttle === "number" },
  { label: "Started/s", title: "Iterations started a second, in the last 5 seconds", text: (of) => (counts(of) ? rate(of.rate) : "–") },
  { label: "Due", title: "Whose time came", text: counted((of) => of.due) },
  { label: "Started", title: "Of these, those that a user began, and those of them that the end of the test cut off", text: started },
  { label: "Late", title: "Started more than 10 ms after their time", text: (of) => (of.is_open ? count(of.late["10"]) : "–"), isWarm: isLate },
  { label: "Waiting", title: "Arrivals that wait for a free virtual user, now and at most so far", text: (of) => (of.is_open ? `${count(of.waiting)}${of.most_waiting ? ` (most ${count(of.most_waiting)})` : ""}` : "–"), isWarm: (of) => of.waiting > 0 },
  { label: "Dropped", title: "No virtual user was free, and no place to wait", text: dropped, isWarm: (of) => of.dropped > 0 },
  { label: "Cut", title: "Waited still when the test ended, or lost with a worker", text: counted((of) => of.cut), isWarm: (of) => of.lost > 0 },
  { label: "Delay p50 / p99 / max, ms", title: "How long after its time an iteration started", text: delay },
  { label: "Users", title: "Virtual users there are now, of how many there may be, and the most there were so far", text: (of) => (of.is_of_all ? "all" : `${count(of.users)} of ${count(of.max_users)}${of.most_users ? ` (most ${count(of.most_users)})` : ""}`) },
  { label: "Busy", title: "Virtual users in an iteration; the others wait for an arrival", text: (of) => (of.is_open && !of.is_of_all ? count(of.busy ?? 0) : "–"), isWarm: (of) => of.users > 0 && of.busy === of.max_users },
];

interface Props {
  all: readonly Scenario[];
  current: string;
  onPick: (name: string) => void;
}

export function ScenarioTable({ all, current, onPick }: Props): JSX.Element {
  const columns = COLUMNS.filter(({ isRare }) => isRare === undefined || all.some(isRare));
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of scenarios">
      <table class="list counted-list scenario-list">
        <thead>
          <tr>
            <th scope="col">Scenario</th>
            {columns.map(({ label, title }) => <th key={label} scope="col" class="number" title={title}>{label}</th>)}
          </tr>
        </thead>
        <tbody>
          {all.map((one) => (
            <tr key={one.name} class={`counted${one.name === current ? " current" : ""}`} onClick={(event) => { if ((event.target as HTMLElement).closest("button") === null) onPick(one.name); }}>
              <td class="name" data-label="Scenario">
                <div>
                  <button type="button" class="link-button" aria-pressed={one.name === current} onClick={() => onPick(one.name)}>{visible(one.name)}</button>
                  <p class="muted">{one.executor}{one.class === null ? "" : ` of ${visible(one.class)}${one.task === null ? "" : `.${visible(one.task)}`}`}</p>
                </div>
              </td>
              {columns.map((column) => {
                const text = column.text(one);
                return <td key={column.label} class={`number${column.isWarm?.(one) ? " warm" : ""}${text === "–" ? " none" : ""}`} data-label={column.label}>{text}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
