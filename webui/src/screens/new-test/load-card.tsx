/* Where the load goes, and how much of it. */
import type { JSX } from "preact";
import { count, visible } from "../../lib/format";
import { Field } from "../../parts/field";
import { isLoadFixed, type TestForm } from "./form";
import { completed, hostHint, target } from "./host";
import { Ping } from "./ping";
import { planOf } from "./plan";
import { PlanPicture } from "./plan-picture";
import { ScenarioPlans } from "../load/scenario-plans";
import { planned } from "./scenarios";
import type { Script } from "./script";
import { Stages } from "./stage-editor";

export interface CardProps {
  of: Script;
  form: TestForm;
  set: (part: Partial<TestForm>) => void;
  blame: (field: string) => string | undefined;
}

function errorOf(error: string | undefined): { error: string } | object {
  return error === undefined ? {} : { error };
}

export function TargetCard({ of, form, set, blame }: CardProps): JSX.Element {
  const needs = of.classes.some((one) => one.needs_host);
  return (
    <section class="panel load-form" aria-labelledby="target-head">
      <header class="panel-head"><h2 id="target-head">Target</h2></header>
      <div class="host-row">
        <Field label="Host" name="host" inputMode="url" value={form.host} placeholder="https://shop.test" hint={hostHint(form, of)} isRequired={needs}
          isFocused={needs && form.host === ""} onInput={(host) => set({ host })} onLeave={() => set({ host: completed(form.host) })} {...errorOf(blame("host"))} />
        <Ping url={target(form, of)} />
      </div>
    </section>
  );
}

function ShapeChoice({ of, form, set, blame }: CardProps): JSX.Element | null {
  if (of.shapes.length <= 1) return null;
  return (
    <div class="field">
      <label for="shape">Load shape</label>
      <div class="input-box">
        <select id="shape" value={form.shape} onChange={(event) => set({ shape: event.currentTarget.value })}>
          <option value="">{of.shape ? `as loaded: ${of.shape.name}` : "none"}</option>
          {of.shapes.map((name) => <option key={name} value={name}>{visible(name)}</option>)}
        </select>
      </div>
      {blame("shape_class") ? <p class="note error" role="alert">{blame("shape_class")}</p> : null}
    </div>
  );
}

/** A shape that decides alone leaves no numbers to show, nor do scenarios. */
export function LoadCard(props: CardProps): JSX.Element {
  const { of, form, set, blame } = props;
  const scenarios = of.scenarios ?? 0;
  const plans = (planned.value?.scenarios ?? []).filter((one) => !one.is_of_all);
  const whose = plans.length === 0 ? "" : ` The ${planned.value!.is_of_script ? "locustfile" : "command line"} has ${plans.length === 1 ? "it" : "them"}.`;
  const runTime = (
    <Field label="Run time" name="run_time" value={form.run_time} placeholder="until stopped" hint="For example 90, 20s, 3m or 1h20m."
      onInput={(run_time) => set({ run_time })} {...errorOf(blame("run_time"))} />
  );
  return (
    <section class="panel load-form" aria-labelledby="load-head">
      <header class="panel-head"><h2 id="load-head">Load</h2></header>
      {of.shape !== null ? (
        <p class="callout info">The load shape {visible(of.shape.name)} decides about the users{of.shape.use_common_options ? " and reads the values below" : ""}.</p>
      ) : null}
      {scenarios > 0 ? <p class="callout info">{scenarios === 1 ? "A scenario decides" : `${count(scenarios)} scenarios decide`} about the load.{whose}</p> : null}
      <ShapeChoice {...props} />
      {isLoadFixed(of) ? runTime : (
        <div class="field-three">
          <Field label="Users" name="users" inputMode="numeric" value={form.users} hint="At the peak, at the same time."
            onInput={(users) => set({ users })} {...errorOf(blame("users"))} />
          <Field label="Spawn rate" name="spawn_rate" inputMode="decimal" suffix="per second" value={form.spawn_rate} hint="Users started per second."
            onInput={(spawn_rate) => set({ spawn_rate })} {...errorOf(blame("spawn_rate"))} />
          {runTime}
        </div>
      )}
      {scenarios > 0 ? <ScenarioPlans all={plans} /> : <PlanPicture plan={planOf(form, of)} {...(of.shape === null ? { missing: "The plan is drawn here when the fields above are right." } : {})} />}
      {of.shape === null && scenarios === 0 ? <Stages /> : null}
    </section>
  );
}
