/* The locustfile's own options, each with a field of its type. */
import type { JSX } from "preact";
import { useId, useState } from "preact/hooks";
import { visible } from "../../lib/format";
import type { Option, OptionValue } from "./script";

interface FieldProps {
  option: Option;
  value: OptionValue;
  error: string | undefined;
  onChange: (value: OptionValue) => void;
}

function asText(value: OptionValue): string {
  return value === null ? "" : Array.isArray(value) ? value.join(", ") : String(value);
}

function Choice({ option, value, id, onChange }: FieldProps & { id: string }): JSX.Element {
  const choices = option.choices ?? [];
  if (!option.is_multiple)
    return (
      <div class="input-box">
        <select id={id} value={asText(value)} onChange={(event) => onChange(event.currentTarget.value)}>
          {value === null ? <option value="">–</option> : null}
          {choices.map((choice) => <option key={choice} value={String(choice)}>{visible(String(choice))}</option>)}
        </select>
      </div>
    );
  const picked = new Set(Array.isArray(value) ? value : []);
  return (
    <fieldset class="choices" id={id}>
      <legend class="visually-hidden">{option.name}</legend>
      {choices.map(String).map((choice) => (
        <label class="check" key={choice}>
          <input type="checkbox" checked={picked.has(choice)}
            onChange={() => onChange(choices.map(String).filter((one) => (one === choice ? !picked.has(one) : picked.has(one))))} />
          {visible(choice)}
        </label>
      ))}
    </fieldset>
  );
}

function TextInput({ option, value, id, error, onChange }: FieldProps & { id: string }): JSX.Element {
  const [isShown, setShown] = useState(false);
  const isHidden = option.is_secret && !isShown;
  const send = (text: string): void => onChange(option.type === "list" || option.is_multiple ? text.split(",").map((part) => part.trim()).filter(Boolean) : text);
  return (
    <div class={`input-box${error ? " has-error" : ""}`}>
      <input id={id} type={(isHidden ? "password" : "text") as "text"} autocomplete="off" spellcheck={false} value={asText(value)}
        inputMode={option.type === "int" ? "numeric" : option.type === "float" ? "decimal" : "text"}
        placeholder={option.is_secret ? "as given to the master" : option.is_required ? "needed" : ""}
        aria-invalid={error !== undefined} aria-describedby={`${id}-note`}
        onInput={(event) => send(event.currentTarget.value)} />
      {option.is_secret ? (
        <button type="button" class="suffix-button" aria-pressed={isShown} onClick={() => setShown(!isShown)}>{isShown ? "Hide" : "Show"}</button>
      ) : null}
    </div>
  );
}

function OptionField(props: FieldProps): JSX.Element {
  const id = useId();
  const { option, value, error } = props;
  const note = error ?? visible(option.help);
  if (option.type === "bool")
    return (
      <div class="field">
        <label class="check">
          <input type="checkbox" checked={value === true} onChange={(event) => props.onChange(event.currentTarget.checked)} />
          {visible(option.name)}
        </label>
        <p class={error ? "note error" : "note"}>{note}</p>
      </div>
    );
  const isChoice = option.choices !== null && option.choices.length > 0;
  return (
    <div class={`field${error ? " has-error" : ""}`}>
      <label for={id}>{visible(option.name)}{option.is_required ? " *" : ""}</label>
      {isChoice ? <Choice {...props} id={id} /> : <TextInput {...props} id={id} />}
      <p class={error ? "note error" : "note"} id={`${id}-note`} role={error ? "alert" : undefined}>{note}</p>
    </div>
  );
}

export function Options(props: {
  options: Option[];
  values: Record<string, OptionValue>;
  blame: (field: string) => string | undefined;
  onChange: (values: Record<string, OptionValue>) => void;
}): JSX.Element | null {
  if (props.options.length === 0) return null;
  const set = (option: Option, value: OptionValue): void => {
    const { [option.name]: _old, ...others } = props.values;
    const isDefault = asText(value) === asText(option.default) && !option.is_secret;
    props.onChange(isDefault || (option.is_secret && value === "") ? others : { ...others, [option.name]: value });
  };
  return (
    <section class="panel" aria-labelledby="options-head">
      <header class="panel-head"><h2 id="options-head">Options of the locustfile</h2></header>
      <div class="option-grid">
        {props.options.map((option) => (
          <OptionField key={option.name} option={option} error={props.blame(option.name) ?? props.blame(`options.${option.name}`)}
            value={option.name in props.values ? props.values[option.name]! : option.default} onChange={(value) => set(option, value)} />
        ))}
      </div>
    </section>
  );
}
