/* Asking the source: the newest question wins, the last good answer stays until the next one is
 * there, and a failure is words beside the numbers instead of a broken panel. */
import { effect, signal, untracked, type ReadonlySignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

export interface Question<T> {
  readonly answer: ReadonlySignal<T | null>;
  readonly error: ReadonlySignal<string>;
  readonly isBusy: ReadonlySignal<boolean>;
  retry(): void;
  stop(): void;
}

function words(error: unknown): string {
  if (error instanceof DOMException && error.name === "TimeoutError") return "The master took too long to answer.";
  if (error instanceof TypeError) return "The master did not answer.";
  const text = String((error as Error | undefined)?.message ?? error);
  return text.startsWith("HTTP ") ? `The master answered ${text.slice(5)}.` : text;
}

/** Asks whenever `key` changes; null asks nothing and forgets the answer. */
export function question<T>(key: () => string | null, ask: (signal: AbortSignal) => Promise<T>): Question<T> {
  const answer = signal<T | null>(null);
  const error = signal("");
  const isBusy = signal(false);
  const tries = signal(0);
  let running: AbortController | null = null;

  const start = async (): Promise<void> => {
    running?.abort();
    const mine = (running = new AbortController());
    isBusy.value = true;
    try {
      const got = await ask(mine.signal);
      if (mine.signal.aborted) return;
      answer.value = got;
      error.value = "";
    } catch (problem) {
      if (mine.signal.aborted) return;
      error.value = words(problem);
    }
    isBusy.value = false;
  };

  let last: string | null = null;
  let lastTry = 0;
  const dispose = effect(() => {
    const now = key();
    const attempt = tries.value;
    if (now === last && attempt === lastTry) return;
    last = now;
    lastTry = attempt;
    untracked(() => {
      if (now !== null) void start();
      else {
        running?.abort();
        answer.value = null;
        error.value = "";
        isBusy.value = false;
      }
    });
  });
  return {
    answer, error, isBusy,
    retry: () => void tries.value++,
    stop: () => {
      dispose();
      running?.abort();
    },
  };
}

/** A question of a component: it ends with it. `key` may read signals; `deps` are its other inputs. */
export function useQuestion<T>(key: () => string | null, ask: (signal: AbortSignal) => Promise<T>, deps: unknown[]): Question<T> {
  const made = useMemo(() => question(key, ask), deps);
  useEffect(() => () => made.stop(), [made]);
  return made;
}
