/* One field of a form: label, input, hint or error, tied together for assistive technology. */
import type { JSX } from "preact";
import { useId } from "preact/hooks";

export interface FieldProps {
  label: string;
  name: string;
  value: string;
  hint?: string;
  error?: string;
  suffix?: string;
  inputMode?: "numeric" | "decimal" | "url" | "text";
  placeholder?: string;
  isFocused?: boolean;
  isRequired?: boolean;
  onLeave?: () => void;
  onInput: (value: string) => void;
}

export function Field(props: FieldProps): JSX.Element {
  const id = useId();
  const note = props.error ?? props.hint;
  return (
    <div class={`field${props.error ? " has-error" : ""}`}>
      <label for={id}>{props.label}{props.isRequired ? <span class="required" aria-hidden="true"> *</span> : null}</label>
      <div class="input-box">
        <input
          id={id}
          name={props.name}
          type="text"
          inputMode={props.inputMode ?? "text"}
          autocomplete="off"
          spellcheck={false}
          value={props.value}
          placeholder={props.placeholder ?? ""}
          autoFocus={props.isFocused ?? false}
          aria-required={props.isRequired ?? false}
          aria-invalid={props.error !== undefined}
          aria-describedby={note ? `${id}-note` : undefined}
          onBlur={props.onLeave}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
        {props.suffix ? <span class="suffix">{props.suffix}</span> : null}
      </div>
      {note ? (
        <p class={props.error ? "note error" : "note"} id={`${id}-note`} role={props.error ? "alert" : undefined}>
          {note}
        </p>
      ) : null}
    </div>
  );
}
