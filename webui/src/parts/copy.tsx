/* A button that copies a text and says so. */
import type { JSX } from "preact";
import { say } from "../app-state";

export function CopyButton(props: { text: string; label: string }): JSX.Element {
  const copy = (): void => {
    // Without a secure address there is no clipboard.
    const done = navigator.clipboard?.writeText(props.text) ?? Promise.reject(new Error("none"));
    done.then(() => say("Copied.", true), () => say("The browser does not let this page copy: select the text instead.", false));
  };
  return <button type="button" class="button small" onClick={copy}>{props.label}</button>;
}
