/* One request with all that is known of it: sent, received, where its time went. Everything in it
 * is text of the tested system and shown as text. */
import type { JSX } from "preact";
import { msUnit, shortId, visible } from "../lib/format";
import { momentText } from "../range/time";
import type { Sample } from "../live/protocol";
import { CopyButton } from "./copy";

const PHASES = ["queue", "dns", "connect", "tls", "send", "wait", "receive"] as const;

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Kinds of requests, where others have a method of HTTP: curl cannot send their like. */
const NOT_FOR_CURL = /^(?:WS|grpc|SSE|LLM)\b/;

/** The same request for a shell. Masked headers stay masked. */
function asCurl(sample: Sample): string {
  const skipped = new Set(["host", "content-length", "connection", "accept-encoding"]);
  const headers = (sample.request_headers ?? []).filter(([name]) => !skipped.has(name.toLowerCase()));
  return [
    "curl", "-i", ...(sample.method === "GET" ? [] : ["-X", sample.method]),
    ...headers.flatMap(([name, value]) => ["-H", quoted(`${name}: ${value}`)]),
    ...(sample.request_body ? ["--data-raw", quoted(sample.request_body)] : []),
    quoted(sample.url),
  ].join(" ");
}

function Phases({ phases }: { phases: Record<string, number> }): JSX.Element | null {
  const known = PHASES.map((name) => [name, phases[name] ?? 0] as const).filter(([, ms]) => ms > 0);
  const all = known.reduce((sum, [, ms]) => sum + ms, 0);
  if (!(all > 0)) return null;
  let at = 0;
  return (
    <div class="phases">
      <svg class="phase-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        {known.map(([name, ms]) => {
          const width = (100 * ms) / all;
          at += width;
          return <rect key={name} class={`phase ${name}`} x={at - width} y={0} width={width} height={4} />;
        })}
      </svg>
      <ul>{known.map(([name, ms]) => <li key={name} class={`phase-word ${name}`}>{name} {msUnit(ms)}</li>)}</ul>
    </div>
  );
}

function Side(props: { title: string; headers: [string, string][] | null; body: string | null }): JSX.Element {
  return (
    <div class="sample-side">
      <h4>{props.title}</h4>
      {props.headers === null || props.headers.length === 0 ? <p class="note">No headers.</p> : (
        <dl class="header-list">
          {props.headers.map(([name, value], i) => (
            <div key={i}><dt>{visible(name)}</dt><dd>{visible(value)}</dd></div>
          ))}
        </dl>
      )}
      {props.body ? <pre tabIndex={0}>{visible(props.body)}</pre> : <p class="note">No body.</p>}
    </div>
  );
}

export function SampleView({ sample, isOpen }: { sample: Sample; isOpen?: boolean }): JSX.Element {
  const isBad = sample.error !== null || (sample.status ?? 0) >= 400 || sample.status === 0;
  return (
    <details class="sample" open={isOpen ?? false}>
      <summary>
        <span class={isBad ? "sample-status bad" : "sample-status"}>{sample.status || "no answer"}</span>
        <span class="strong">{visible(sample.method)}</span>
        <span class="sample-url">{visible(sample.url)}</span>
        <span class="muted">{msUnit(sample.time_ms)}</span>
        <span class="muted">{momentText(sample.at)}{sample.worker ? ` · ${shortId(sample.worker)}` : ""}{sample.user ? ` · ${visible(sample.user)}` : ""}</span>
      </summary>
      {sample.error ? <p class="callout fail message">{visible(sample.error)}</p> : null}
      {sample.phases ? <Phases phases={sample.phases} /> : null}
      <div class="sample-sides">
        <Side title="Sent" headers={sample.request_headers} body={sample.request_body} />
        <Side title="Received" headers={sample.response_headers} body={sample.response_body} />
      </div>
      {NOT_FOR_CURL.test(sample.method) ? null : <CopyButton text={asCurl(sample)} label="Copy as curl" />}
      {sample.trace ? <> <CopyButton text={sample.trace} label="Copy trace id" /> <code>{visible(sample.trace)}</code></> : null}
    </details>
  );
}
