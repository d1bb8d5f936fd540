/* Questions to the master that are answered with more than a word: reading the script, trying one
 * user, checking a form. */

const TIMEOUT_MS = 45_000; // a trial may take 30 s

/** A refused question is an error; a refused command or form says in its answer what is wrong. */
async function read<T>(answer: Response, isQuestion: boolean): Promise<T> {
  const body = (await answer.json().catch(() => ({}))) as { error?: string };
  if (answer.status >= 400 && (isQuestion || body.error === undefined)) throw new Error(body.error ?? `The master answered ${answer.status}.`);
  return body as T;
}

async function send<T>(path: string, init: RequestInit): Promise<T> {
  try {
    return await read<T>(await fetch(new URL(`api/v1/${path}`, document.baseURI), { ...init, signal: init.signal ?? AbortSignal.timeout(TIMEOUT_MS) }), init.method === undefined);
  } catch (error) {
    if (error instanceof TypeError) throw new Error("The master did not answer. Is it still running?");
    throw error;
  }
}

export function askJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return send(path, signal === undefined ? {} : { signal });
}

export function postJson<T>(path: string, fields: object): Promise<T> {
  return send(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Katydid": "1" },
    body: JSON.stringify(fields),
  });
}

/** What the master says of a form: its own rules, and the field that breaks one. */
export interface Verdict {
  ok: boolean;
  field?: string;
  error?: string;
  /** Everything that is wrong, the first of which stands above. */
  errors?: { field: string; error: string }[];
}

/** By field; "": of no field in particular. */
export function wrongFields(verdict: Verdict): Record<string, string> {
  if (verdict.ok) return {};
  const all = verdict.errors ?? [{ field: verdict.field ?? "", error: verdict.error ?? "" }];
  return Object.fromEntries(all.map(({ field, error }) => [field, error]));
}
