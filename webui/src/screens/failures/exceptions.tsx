/* Exceptions of the user's code, with their tracebacks: lines of the script stand out, runs of
 * frames of libraries are folded. */
import type { JSX } from "preact";
import { count, shortId, visible } from "../../lib/format";
import type { Exception } from "../../live/protocol";
import { CopyButton } from "../../parts/copy";
import { Icon } from "../../parts/icons";
import { timeText } from "../../range/time";
import { parts, titleOf, type Part } from "./traceback";

function TracePart({ part }: { part: Part }): JSX.Element {
  if (part.kind !== "library") return <pre class={`trace-${part.kind}`} tabIndex={0}>{visible(part.text)}</pre>;
  return (
    <details class="trace-library">
      <summary>{count(part.frames)} {part.frames === 1 ? "frame" : "frames"} of libraries</summary>
      <pre tabIndex={0}>{visible(part.text)}</pre>
    </details>
  );
}

export function Traceback({ text }: { text: string }): JSX.Element {
  return (
    <div class="traceback">
      {parts(text).map((part, i) => <TracePart key={i} part={part} />)}
      <CopyButton text={text} label="Copy traceback" />
    </div>
  );
}

/** Where in the script it happened: the last frame that is no library's. */
function placeOf(item: Exception): string {
  const last = parts(item.traceback).filter((part) => part.kind === "script").at(-1);
  const found = /File "([^"]*)", line (\d+)(?:, in (.+))?/.exec(last?.text ?? "");
  return found === null ? "" : `${found[1]!.split("/").at(-1)}:${found[2]}${found[3] ? ` in ${found[3].split("\n")[0]}` : ""}`;
}

export function ExceptionList({ items }: { items: Exception[] }): JSX.Element {
  return (
    <ul class="exceptions">
      {[...items].sort((a, b) => b.count - a.count).map((item) => {
        const nodes = item.nodes.split(",").map((node) => node.trim()).filter(Boolean);
        return (
          <li key={item.traceback}>
            <details>
              <summary>
                <Icon name="down" />
                <span class="strong">{count(item.count)}×</span>
                <span class="message">{visible(titleOf(item))}</span>
                <span class="muted">{visible(placeOf(item))}</span>
                <span class="muted" title={visible(nodes.join(", "))}>{nodes.length > 1 ? `${count(nodes.length)} workers` : shortId(nodes[0] ?? "")}</span>
                <span class="muted">{timeText(item.first)} – {timeText(item.last)}</span>
              </summary>
              <Traceback text={item.traceback} />
            </details>
          </li>
        );
      })}
    </ul>
  );
}
