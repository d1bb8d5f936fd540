/* One user, tried once: what it sent and got, said and raised. */
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { msUnit, visible } from "../../lib/format";
import { momentText } from "../../range/time";
import type { Sample } from "../../live/protocol";
import { SampleView } from "../../parts/sample";

export interface Trial {
  ok: boolean;
  field?: string;
  error?: string;
  requests?: Sample[];
  logs?: [number, string, string, string][];
  exception?: string | null;
  task?: string | null;
  seconds?: number;
}

export function TrialResult({ trial, userClass }: { trial: Trial; userClass: string }): JSX.Element {
  const requests = trial.requests ?? [];
  const logs = trial.logs ?? [];
  const failed = requests.filter((sample) => sample.error !== null).length;
  const section = useRef<HTMLElement>(null);
  useEffect(() => section.current?.scrollIntoView({ block: "nearest" }), [trial]);
  return (
    <section class="panel trial" ref={section} aria-labelledby="trial-head" role="status">
      <header class="panel-head">
        <h2 id="trial-head">One {visible(userClass)}, tried once{" "}
          <span class="unit">
            {trial.task ? `task ${visible(trial.task)} · ` : ""}{requests.length} {requests.length === 1 ? "request" : "requests"}
            {failed > 0 ? `, ${failed} failed` : ""} · {msUnit((trial.seconds ?? 0) * 1000)}
          </span>
        </h2>
      </header>
      {trial.error ? <p class="callout fail">{visible(trial.error)}</p> : null}
      {trial.exception ? <pre class="trace" tabIndex={0}>{visible(trial.exception)}</pre> : null}
      {requests.length === 0 && !trial.error ? <p class="note">It sent no request.</p> : null}
      {requests.map((sample, i) => <SampleView key={i} sample={sample} isOpen={requests.length === 1} />)}
      {logs.length > 0 ? (
        <>
          <h3>Said</h3>
          <ul class="log-lines">
            {logs.map(([at, level, logger, text], i) => (
              <li key={i} class={level.toLowerCase()}><span class="muted">{momentText(at)}</span> <span class="level">{level}</span> <span class="muted">{visible(logger)}</span> {visible(text)}</li>
            ))}
          </ul>
        </>
      ) : null}
    </section>
  );
}
