/* The load of a running test, by hand: a slider for the rate or the users of each scenario, and its pause. What is shown is
 * what the master says, but for what was moved just now and is on its way there. */
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { say, source } from "../../app-state";
import { visible } from "../../lib/format";
import { commands, type ScenarioChange } from "../../live/commands";
import type { Scenario, ScenariosAnswer } from "../../live/scenarios";
import { Icon } from "../../parts/icons";
import { AHEAD_S, levelAt, levelWords, mostOf, rateText, scaleOf, type Scale } from "./plan-of";
import { StageEditor } from "./stage-editor";
import "../../style/newtest.css";

const SETTLED_MS = 350; // keys and the mouse move a slider through many values: the last one is meant

export const canChange = (of: Scenario): boolean => !of.is_of_all && of.iterations === undefined;
export const sliderId = (name: string): string => `slider-${name}`;
export const throttleId = (name: string): string => `throttle-${name}`;

/** Why it cannot be moved just now. */
function obstacle(of: Scenario, elapsed: number): string {
  if (elapsed < of.begins_s) return "It has not begun.";
  if (of.length_s !== null && elapsed >= of.begins_s + of.length_s) return "It is over.";
  return of.is_paused ? "Paused." : "";
}

export async function pauseScenario(of: Scenario): Promise<string> {
  const said = await commands.scenario(of.name, { paused: !of.is_paused });
  say(said.text, said.isOk);
  return said.isOk ? "" : said.text;
}

const plain = (of: Scenario, value: number): string => String(Number(value.toFixed(of.is_open ? (value < 10 ? 3 : 2) : 0)));

/** So many requests a second at most; nothing: no limit. */
function Throttle({ of, isOff, onChanged }: { of: Scenario; isOff: boolean; onChanged: () => void }): JSX.Element {
  const [draft, setDraft] = useState<string | null>(null);
  const [error, setError] = useState("");
  const shown = draft ?? (typeof of.throttle === "number" ? String(Number(of.throttle.toFixed(3))) : "");
  async function send(text: string): Promise<void> {
    const said = await commands.scenario(of.name, { throttle: text.trim() === "" ? null : rateText(text) });
    setError(said.isOk ? "" : said.text);
    if (!said.isOk) return;
    say(said.text, true);
    setDraft(null);
    onChanged();
  }
  return (
    <>
      <span class="input-box throttle" title="Requests a second that its users may send, at most">
        <input type="text" inputMode="decimal" autocomplete="off" id={throttleId(of.name)} value={shown} placeholder="no throttle" disabled={isOff} aria-label={`Throttle of ${of.name}, requests per second`} aria-invalid={error !== ""}
          onInput={(event) => setDraft(event.currentTarget.value)} onBlur={() => { if (error === "") setDraft(null); }}
          onKeyDown={(event) => { if (event.key === "Enter") void send(event.currentTarget.value); }} />
        <span class="suffix">req/s</span>
      </span>
      {error === "" ? null : <p class="note error" role="alert">{error}</p>}
    </>
  );
}

function Control({ of, told, onChanged }: { of: Scenario; told: ScenariosAnswer; onChanged: () => void }): JSX.Element {
  const [draft, setDraft] = useState<string | null>(null);
  const [isSent, setSent] = useState(false);
  const [error, setError] = useState("");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const scale = useRef<Scale>({ max: 0, step: 1 });
  const latest = useRef(0);
  if (mostOf(of) >= scale.current.max) scale.current = scaleOf(of); // else it would change under the hand
  useEffect(() => {
    if (isSent) setDraft(null);
    setSent(false);
  }, [told]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const elapsed = told.elapsed_s!;
  const why = source.link.value.kind === "live" ? obstacle(of, elapsed) : "No connection to the master.";
  const level = levelAt(of, elapsed + AHEAD_S);
  const shown = draft ?? plain(of, level);
  const slid = Number(shown) >= 0 ? Number(shown) : level; // what is typed need not be a number yet
  const what = of.is_open ? "Rate" : "Users";
  async function send(change: ScenarioChange, number: number): Promise<void> {
    const said = await commands.scenario(of.name, change);
    setError(said.isOk ? "" : said.text);
    if (said.isOk) say(said.text, true);
    else setDraft(null);
    setSent(said.isOk && number === latest.current); // else it was moved again meanwhile
    onChanged();
  }
  function set(text: string, after: number): void {
    setDraft(text);
    setSent(false);
    clearTimeout(timer.current);
    const number = ++latest.current;
    timer.current = setTimeout(() => void send(of.is_open ? { rate: rateText(text) } : { users: Number(text) }, number), after);
  }
  return (
    <li class="control">
      <strong>{visible(of.name)}</strong>
      <input type="range" id={sliderId(of.name)} min={0} {...scale.current} value={slid} disabled={why !== ""} aria-label={`${what} of ${of.name}`} aria-valuetext={levelWords(of)(slid)}
        onInput={(event) => set(event.currentTarget.value, SETTLED_MS)} />
      <span class="input-box">
        <input type="text" inputMode="decimal" autocomplete="off" value={shown} disabled={why !== ""} aria-label={`${what} of ${of.name}${of.is_open ? ", per second" : ""}`} aria-invalid={error !== ""}
          onFocus={() => setDraft(shown)} onInput={(event) => setDraft(event.currentTarget.value)} onBlur={() => { if (!isSent) setDraft(null); }}
          onKeyDown={(event) => { if (event.key === "Enter") set(event.currentTarget.value, 0); }} />
        <span class="suffix">{of.is_open ? "/s" : "users"}</span>
      </span>
      <button type="button" class="button small" disabled={why !== "" && !of.is_paused} aria-label={`${of.is_paused ? "Resume" : "Pause"} ${of.name}`}
        onClick={() => void pauseScenario(of).then((text) => { setError(text); onChanged(); })}>
        <Icon name={of.is_paused ? "play" : "pause"} />{of.is_paused ? "Resume" : "Pause"}
      </button>
      <Throttle of={of} isOff={why !== ""} onChanged={onChanged} />
      {error !== "" || why !== "" ? <p class={error === "" ? "note" : "note error"} role={error === "" ? undefined : "alert"}>{error || why}</p> : null}
    </li>
  );
}

interface Props {
  told: ScenariosAnswer;
  current: Scenario;
  onChanged: () => void;
}

export function Controls({ told, current, onChanged }: Props): JSX.Element | null {
  const all = told.scenarios.filter(canChange);
  if (all.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="control-head">
      <header class="panel-head"><h2 id="control-head">Change the load</h2></header>
      <ul class="controls">{all.map((one) => <Control key={one.name} of={one} told={told} onChanged={onChanged} />)}</ul>
      {canChange(current) && obstacle(current, told.elapsed_s!) === "" ? <StageEditor key={current.name} of={current} elapsed={told.elapsed_s!} onChanged={onChanged} /> : null}
    </section>
  );
}
