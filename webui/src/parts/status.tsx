/* Words and marks for states: never colour alone. */
import type { JSX } from "preact";

export type Tone = "pass" | "warn" | "fail" | "info" | "idle";

const MARKS: Record<Tone, string> = { pass: "●", warn: "▲", fail: "✕", info: "●", idle: "○" };

export function Status(props: { tone: Tone; children: string }): JSX.Element {
  return (
    <span class={`status ${props.tone}`}>
      <span aria-hidden="true">{MARKS[props.tone]}</span> {props.children}
    </span>
  );
}

export function toneOfRun(state: string): Tone {
  switch (state) {
    case "running": return "pass";
    case "spawning": return "info";
    case "stopping":
    case "cleanup": return "warn";
    case "missing": return "fail";
    default: return "idle";
  }
}
