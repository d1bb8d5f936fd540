/* Which classes take part, with their weights, fixed counts and tasks. */
import type { JSX } from "preact";
import { visible } from "../../lib/format";
import type { ClassChoice, TestForm } from "./form";
import type { Script, TaskTree, UserClass } from "./script";

interface Props {
  script: Script;
  form: TestForm;
  blame: (field: string) => string | undefined;
  onChange: (classes: TestForm["classes"]) => void;
}

function Tree({ tree }: { tree: TaskTree }): JSX.Element {
  return (
    <ul class="task-tree">
      {Object.entries(tree).map(([name, node]) => (
        <li key={name}>
          <span class="task-name">{visible(name)}</span> <span class="muted">{(node.ratio * 100).toFixed(0)} %</span>
          {node.tasks ? <Tree tree={node.tasks} /> : null}
        </li>
      ))}
    </ul>
  );
}

function Small(props: { label: string; value: string; isOff: boolean; onInput: (value: string) => void }): JSX.Element {
  return (
    <label class="small-field">
      <span>{props.label}</span>
      <input type="text" inputMode="decimal" autocomplete="off" value={props.value} disabled={props.isOff}
        onInput={(event) => props.onInput(event.currentTarget.value)} />
    </label>
  );
}

function TaskPicks(props: { one: UserClass; choice: ClassChoice; onPick: (tasks: string[] | null) => void }): JSX.Element {
  const { one, choice } = props;
  const names = [...new Set(one.all_tasks)];
  const picked = new Set(choice.tasks ?? names);
  const toggle = (name: string): void => {
    const next = names.filter((task) => (task === name ? !picked.has(task) : picked.has(task)));
    props.onPick(next.length === names.length ? null : next);
  };
  return (
    <details class="tasks">
      <summary>{picked.size} of {names.length} {names.length === 1 ? "task" : "tasks"}</summary>
      <fieldset>
        <legend class="visually-hidden">Tasks of {one.name}</legend>
        {names.map((name) => (
          <label class="check" key={name}>
            <input type="checkbox" checked={picked.has(name)} onChange={() => toggle(name)} />
            {visible(name)}
          </label>
        ))}
      </fieldset>
      <h4>How often</h4>
      <Tree tree={one.tasks} />
    </details>
  );
}

export function Classes({ script, form, blame, onChange }: Props): JSX.Element | null {
  if (script.classes.length === 0) return null;
  const change = (name: string, part: Partial<ClassChoice>): void =>
    onChange({ ...form.classes, [name]: { ...form.classes[name]!, ...part } });
  const setAll = (isChosen: boolean): void =>
    onChange(Object.fromEntries(Object.entries(form.classes).map(([name, choice]) => [name, { ...choice, isChosen }])));
  const all = Object.values(form.classes).every((choice) => choice.isChosen);
  const error = blame("user_classes") ?? blame("class_settings");
  return (
    <section class="panel" aria-labelledby="classes-head">
      <header class="panel-head">
        <h2 id="classes-head">User classes</h2>
        {script.classes.length > 1 ? (
          <label class="check"><input type="checkbox" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />All</label>
        ) : null}
      </header>
      <ul class="class-list">
        {script.classes.map((one) => {
          const choice = form.classes[one.name]!;
          return (
            <li key={one.name} class={choice.isChosen ? "" : "off"}>
              <label class="check class-name">
                <input type="checkbox" checked={choice.isChosen} onChange={(event) => change(one.name, { isChosen: event.currentTarget.checked })} />
                <span class="strong">{visible(one.name)}</span>
                {one.host ? <span class="muted host-of">{visible(one.host)}</span> : null}
              </label>
              <Small label="Weight" value={choice.weight} isOff={!choice.isChosen} onInput={(weight) => change(one.name, { weight })} />
              <Small label="Fixed count" value={choice.fixed} isOff={!choice.isChosen} onInput={(fixed) => change(one.name, { fixed })} />
              <TaskPicks one={one} choice={choice} onPick={(tasks) => change(one.name, { tasks })} />
              {one.help ? <p class="note">{visible(one.help)}</p> : null}
            </li>
          );
        })}
      </ul>
      {error ? <p class="note error" role="alert">{error}</p> : null}
    </section>
  );
}
