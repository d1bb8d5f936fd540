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

/** What Python itself says, and in no other class. */
const OWN_WORDS: readonly [RegExp, string][] = [
  [/^(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")$/, "KeyError"],
  [/^\w+(?: assignment)? index out of range$|^pop from empty list$/, "IndexError"],
  [/object has no attribute '/, "AttributeError"],
  [/^(?:name '.*' is not defined|cannot access free variable )/, "NameError"],
  [/^(?:(?:integer |float )?division (?:or modulo )?by zero|integer modulo by zero)$/, "ZeroDivisionError"],
  [/^(?:invalid literal for int\(\)|could not convert string to float|not enough values to unpack|too many values to unpack)/, "ValueError"],
  [/object is not (?:subscriptable|callable|iterable)|^unsupported operand type|positional arguments? but|missing \d+ required|indices must be integers/, "TypeError"],
];

/** The class of an exception that came without (a stock worker's, an older report's): the last line of a traceback
 * begins with it; where only the frames were kept, what the script raised there says it, or words that only
 * Python uses. "": unknown. */
function classOf(traceback: string, message: string): string {
  const lines = traceback.trim().split("\n").map((line) => line.trim());
  const code = lines.filter((line) => !/^[\^~]+$/.test(line)).at(-1) ?? "";
  const told = /^([A-Za-z_][\w.]*)(?::|$)/.exec(traceback.trimEnd().split("\n").at(-1) ?? "")?.[1] /* indented, it is code */ ?? /\braise ([A-Za-z_][\w.]*)\(/.exec(code)?.[1];
  return told ?? (/\braise\b/.test(code) ? "" : OWN_WORDS.find(([words]) => words.test(message))?.[1]) ?? "";
}

export function titleOf(item: Exception): string {
  const name = item.type || classOf(item.traceback, item.message);
  const title = item.message === "" ? name || (item.traceback.trim().split("\n").at(-1)?.trim() ?? "") : name === "" || item.message.startsWith(name) ? item.message : `${name}: ${item.message}`;
  return title.length > TITLE_MOST ? `${title.slice(0, TITLE_MOST)}…` : title;
}
