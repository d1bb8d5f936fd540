/* A Python traceback in parts: frames of the script, runs of frames of libraries, and the words
 * around them. Pure; a text that is no traceback is one part. */
import type { Exception } from "../../live/protocol";

export interface Part {
  kind: "words" | "script" | "library";
  text: string;
  /** Frames in it, for a run of frames. */
  frames: number;
}

const FRAME = /^\s+File "([^"]*)", line \d+/;
const LIBRARY = /[\\/](?:site|dist)-packages[\\/]|[\\/]lib(?:64)?[\\/](?:katydid[\\/])?py(?:thon3|lib)|[\\/]pylib[\\/]|^<frozen /;

export function parts(traceback: string): Part[] {
  const found: Part[] = [];
  const add = (kind: Part["kind"], line: string, isNew: boolean): void => {
    const last = found.at(-1);
    if (last === undefined || last.kind !== kind || (isNew && kind === "script")) found.push({ kind, text: line, frames: isNew ? 1 : 0 });
    else {
      last.text += `\n${line}`;
      if (isNew) last.frames++;
    }
  };
  let inside: "script" | "library" | null = null;
  for (const line of traceback.trimEnd().split("\n")) {
    const file = FRAME.exec(line);
    if (file !== null) {
      inside = LIBRARY.test(file[1]!) ? "library" : "script";
      add(inside, line, true);
    } else if (inside !== null && /^\s/.test(line)) add(inside, line, false);
    else {
      inside = null;
      add("words", line, false);
    }
  }
  return found;
}

const TITLE_MOST = 300;

/** With the class of the exception, which the last line of the traceback begins with. */
export function titleOf(item: Exception): string {
  const last = item.traceback.trim().split("\n").at(-1)?.trim() ?? "";
  const name = /^([A-Za-z_][\w.]*)(?::|$)/.exec(last)?.[1] ?? "";
  const title = item.message === "" ? last : name === "" || item.message.startsWith(name) ? item.message : `${name}: ${item.message}`;
  return title.length > TITLE_MOST ? `${title.slice(0, TITLE_MOST)}…` : title;
}
