/* Thresholds as lines of text, each with the master's own word on it: how it is understood, or where it is wrong. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { store } from "../app-state";
import { visible } from "../lib/format";
import { postJson } from "../live/ask";
import { Icon } from "../parts/icons";
import { suggestions, type Names } from "./suggest";
import { valueWords } from "./words";

const ASK_AFTER_MS = 250;

export interface Word {
  text: string;
  ok: boolean;
  stat?: string;
  scope?: string;
  op?: string;
  limit?: string;
  warning?: string | null;
  /** From 1; 0: it is not about one place. */
  column?: number;
  error?: string;
}

/** Rows, and what metrics there are; asked for once, when the editor opens. */
function useNames(): Names {
  const metrics = useSignal<Pick<Names, "metrics" | "groups">>({ metrics: [], groups: [] });
  useEffect(() => {
    if (store.seriesCount.value === 0) return;
    void import("./names").then(({ namesOfSeries }) => namesOfSeries()).then((found) => (metrics.value = found)).catch(() => undefined);
  }, []);
  const { methods, names } = store.rows;
  return { ...metrics.value, rows: methods.map((method, i) => `${method} ${names[i]}`), classes: store.classes.value.map(([name]) => name) };
}

function Wrong({ word, id }: { word: Word; id: string }): JSX.Element {
  const at = (word.column ?? 0) - 1;
  const bytes = new TextEncoder().encode(word.text);
  const before = at >= 0 ? new TextDecoder().decode(bytes.slice(0, at)) : "";
  return (
    <p class="note error" id={id} role="alert">
      {at >= 0 ? <span class="gate-place" aria-hidden="true">{visible(before)}<b>{visible(word.text.slice(before.length)) || "⎵"}</b></span> : null}
      {at >= 0 ? `Column ${at + 1}: ` : ""}{visible(word.error ?? "")}
    </p>
  );
}

interface LineProps {
  text: string;
  word: Word | undefined;
  names: Names;
  number: number;
  onInput: (text: string) => void;
  onRemove: () => void;
  onEnter: () => void;
}

function Line(props: LineProps): JSX.Element {
  const id = useId();
  const isOpen = useSignal(false);
  const at = useSignal(-1);
  const input = useRef<HTMLInputElement>(null);
  const { text, word } = props;
  const list = isOpen.value ? suggestions(text, props.names) : [];
  const take = (next: string): void => {
    props.onInput(next);
    at.value = -1;
    input.current?.focus();
  };
  function keys(event: KeyboardEvent): void {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      isOpen.value = true;
      at.value = Math.max(-1, Math.min(list.length - 1, at.value + (event.key === "ArrowDown" ? 1 : -1)));
    } else if (event.key === "Enter" && list[at.value] !== undefined) take(list[at.value]!.text);
    else if (event.key === "Enter" && !event.ctrlKey) props.onEnter();
    else if (event.key === "Escape" && list.length > 0) isOpen.value = false;
    else return;
    if (event.key !== "Enter" || !event.ctrlKey) event.preventDefault();
    event.stopPropagation();
  }
  const isWrong = word !== undefined && !word.ok && word.text === text.trim();
  const understood = word?.ok === true && word.text === text.trim() ? `${word.stat} of ${word.scope} ${word.op} ${valueWords(word.limit ?? "")}${word.warning ? `. ${word.warning}` : ""}` : "";
  return (
    <div class={`field gate-line${isWrong ? " has-error" : ""}`}>
      <div class="gate-row">
        <div class="filter-field">
          <div class="input-box">
            <input ref={input} type="text" id={id} value={text} autocomplete="off" spellcheck={false} placeholder="p95 of 'GET /cart' < 300ms for 30s, stop" role="combobox"
              aria-label={`Threshold ${props.number}`} aria-expanded={list.length > 0} aria-controls={`${id}-list`} aria-autocomplete="list" aria-invalid={isWrong} aria-describedby={`${id}-note`}
              aria-activedescendant={at.value >= 0 ? `${id}-${at.value}` : undefined}
              onFocus={() => (isOpen.value = true)} onBlur={() => { isOpen.value = false; at.value = -1; }} onKeyDown={keys}
              onInput={(event) => { at.value = -1; isOpen.value = true; props.onInput(event.currentTarget.value); }} />
          </div>
          {list.length > 0 ? (
            <ul class="suggestions" role="listbox" id={`${id}-list`} aria-label="Suggestions">
              {list.map((one, i) => (
                <li key={one.label} role="option" id={`${id}-${i}`} aria-selected={i === at.value} class={i === at.value ? "picked" : ""}
                  onPointerDown={(event) => { event.preventDefault(); take(one.text); }}>
                  <b>{visible(one.label)}</b> <span class="muted">{one.title}</span>
                </li>
              ))}
            </ul>
          ) : null}
        </div>
        <button type="button" class="button quiet icon-only" aria-label={`Remove threshold ${props.number}`} title="Remove" onClick={props.onRemove}><Icon name="close" /></button>
      </div>
      {isWrong ? <Wrong word={word} id={`${id}-note`} /> : <p class="note" id={`${id}-note`}>{visible(understood)}</p>}
    </div>
  );
}

/** Those that say something. */
export const given = (lines: readonly string[]): string[] => lines.map((line) => line.trim()).filter((line) => line !== "");

export function GateEditor({ lines, onChange, onWords }: { lines: readonly string[]; onChange: (lines: string[]) => void; onWords?: (hasWrong: boolean) => void }): JSX.Element {
  const words = useSignal<Record<string, Word>>({});
  const names = useNames();
  const box = useRef<HTMLDivElement>(null);
  const texts = given(lines).join("\n");
  useEffect(() => {
    if (texts === "") return onWords?.(false);
    const timer = setTimeout(() => {
      void postJson<{ thresholds?: Word[] }>("thresholds", { thresholds: texts.split("\n") }).then(({ thresholds = [] }) => {
        words.value = Object.fromEntries(thresholds.map((word) => [word.text, word]));
        onWords?.(thresholds.some((word) => !word.ok));
      }).catch(() => undefined); // who takes them will say it
    }, ASK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [texts]);
  const shown = lines.length > 0 ? lines : [""];
  const add = (): void => {
    onChange([...shown, ""]);
    requestAnimationFrame(() => box.current?.querySelector<HTMLInputElement>(".gate-line:last-of-type input")?.focus());
  };
  return (
    <div class="gate-editor" ref={box}>
      {shown.map((line, i) => (
        <Line key={i} number={i + 1} text={line} word={words.value[line.trim()]} names={names}
          onInput={(text) => onChange(shown.map((other, at) => (at === i ? text : other)))} onRemove={() => onChange(shown.filter((_, at) => at !== i))} onEnter={add} />
      ))}
      <button type="button" class="button small gate-add" onClick={add}><Icon name="plus" />Add a threshold</button>
    </div>
  );
}
