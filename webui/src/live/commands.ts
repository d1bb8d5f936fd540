/* What a person may do to the run. Every command is a POST; the answer is words for the person,
 * with the field of the form that is to blame, if one is. */

export interface Outcome {
  isOk: boolean;
  text: string;
  field: string;
}

export interface LoadFields {
  users?: string;
  spawn_rate?: string;
  thresholds?: string[];
}

/** Of a scenario that runs: one of these. */
export interface ScenarioChange {
  rate?: string;
  users?: number;
  stages?: string;
  /** null: no limit any more */
  throttle?: string | null;
  paused?: boolean;
}

const TIMEOUT_MS = 15_000;

/** Says one to the master; a command has fields, but for a removal. */
export async function tell(command: string, fields: object, method = "POST"): Promise<Outcome> {
  try {
    const answer = await fetch(new URL(`api/v1/${command}`, document.baseURI), {
      method,
      headers: { "Content-Type": "application/json", "X-Katydid": "1" },
      ...(method === "POST" ? { body: JSON.stringify(fields) } : {}),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const said = (await answer.json()) as { text?: string; error?: string; field?: string };
    return { isOk: answer.ok, text: said.text ?? said.error ?? "", field: said.field ?? "" };
  } catch {
    return { isOk: false, text: "The master did not answer. Is it still running?", field: "" };
  }
}

export const commands = {
  edit: (fields: LoadFields): Promise<Outcome> => tell("edit", fields),
  scenario: (name: string, change: ScenarioChange): Promise<Outcome> => tell("scenario", { name, ...change }),
  stop: (): Promise<Outcome> => tell("stop", {}),
  /** at: unix seconds; null is now. */
  marker: (text: string, at: number | null): Promise<Outcome> => tell("marker", at === null ? { text } : { text, at }),
  reset: (): Promise<Outcome> => tell("reset", {}),
};
