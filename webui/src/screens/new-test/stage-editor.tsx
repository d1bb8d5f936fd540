/* The editor of a load in stages: rows, a picture, and the load shape to put into the locustfile. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { CopyButton } from "../../parts/copy";
import { Icon } from "../../parts/icons";
import { planOfSteps } from "./plan";
import { PlanPicture } from "./plan-picture";
import { FIRST_STAGES, shapeText, stepsOf, wrong, type Stage } from "./stages";

const FIELDS: readonly [keyof Stage, string][] = [["length", "For"], ["users", "Users"], ["rate", "Per second"]];

function Row(props: { stage: Stage; number: number; isLast: boolean; onChange: (stage: Stage) => void; onRemove: () => void }): JSX.Element {
  const { stage, number } = props;
  const errors = wrong(stage);
  return (
    <li>
      <span class="muted">{number}</span>
      {FIELDS.map(([name, label]) => (
        <label class={errors[name] ? "stage-field has-error" : "stage-field"} key={name}>
          <span class={number === 1 ? "muted" : "visually-hidden"}>{label}</span>
          <input type="text" autocomplete="off" value={stage[name]} aria-label={`${label}, stage ${number}`} aria-invalid={errors[name] !== undefined} title={errors[name] ?? ""}
            onInput={(event) => props.onChange({ ...stage, [name]: event.currentTarget.value })} />
        </label>
      ))}
      <button type="button" class="button quiet icon-only" aria-label={`Remove stage ${number}`} disabled={props.isLast} onClick={props.onRemove}><Icon name="close" /></button>
    </li>
  );
}

export function Stages(): JSX.Element {
  const stages = useSignal<Stage[]>(FIRST_STAGES);
  const now = stages.value;
  const steps = stepsOf(now);
  const text = shapeText(now);
  const last = now.at(-1)!;
  return (
    <details class="stages">
      <summary>Plan a load in stages</summary>
      <ul class="stage-list">
        {now.map((stage, i) => (
          <Row key={i} stage={stage} number={i + 1} isLast={now.length === 1} onChange={(changed) => (stages.value = now.map((old, n) => (n === i ? changed : old)))}
            onRemove={() => (stages.value = now.filter((_, n) => n !== i))} />
        ))}
      </ul>
      <button type="button" class="button small" onClick={() => (stages.value = [...now, { ...last }])}><Icon name="plus" />Stage</button>
      {steps === null ? <p class="note error" role="alert">Lengths are times such as 30s or 5m, users whole numbers, rates numbers above 0.</p> : <PlanPicture plan={planOfSteps(steps)} />}
      {text === "" ? null : (
        <>
          <p class="note">Stages are a load shape: put this into the locustfile and load it anew. It decides about the users then.</p>
          <pre class="source" tabIndex={0} aria-label="The stages as a load shape">{text}</pre>
          <CopyButton text={text} label="Copy the load shape" />
        </>
      )}
    </details>
  );
}
