/* When the test has passed: thresholds of this run beside those that are given elsewhere. */
import type { JSX } from "preact";
import { store } from "../../app-state";
import { visible } from "../../lib/format";
import { GateEditor } from "../../verdict/editor";
import { asked } from "../../verdict/state";
import { titleOf } from "../../verdict/words";
import type { TestForm } from "./form";

const ELSEWHERE_MOST = 12;

/** Those of the command line, the files and the locustfile: they count too, and are not changed here. */
function Elsewhere(): JSX.Element | null {
  const others = (asked.answer.value?.thresholds ?? []).filter(({ source }) => source !== "start");
  if (store.thresholds.value === 0 || others.length === 0) return null;
  return (
    <details class="elsewhere">
      <summary>{others.length === 1 ? "One more is" : `${others.length} more are`} given elsewhere</summary>
      <ul>{others.slice(0, ELSEWHERE_MOST).map((one) => <li key={`${one.source} ${one.text}`}><code>{titleOf({ name: null, text: one.text })}</code> <span class="muted">{visible(one.source)}</span></li>)}</ul>
    </details>
  );
}

interface Props {
  form: TestForm;
  set: (part: Partial<TestForm>) => void;
  error: string | undefined;
}

export function GateCard({ form, set, error }: Props): JSX.Element {
  return (
    <section class="panel load-form" aria-labelledby="gates-head">
      <header class="panel-head"><h2 id="gates-head">Thresholds <span class="unit">when this test has passed</span></h2></header>
      <GateEditor lines={form.thresholds} onChange={(thresholds) => set({ thresholds })} />
      <Elsewhere />
      {error !== undefined ? <p class="visually-hidden" role="alert">{visible(error)}</p> : null}
    </section>
  );
}
