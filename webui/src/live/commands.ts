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
  paused?: boolean;
}

const TIMEOUT_MS = 15_000;

async function post(command: string, fields: object): Promise<Outcome> {
  try {
    const answer = await fetch(new URL(`api/v1/${command}`, document.baseURI), {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Katydid": "1" },
      body: JSON.stringify(fields),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const said = (await answer.json()) as { text?: string; error?: string; field?: string };
    return { isOk: answer.ok, text: said.text ?? said.error ?? "", field: said.field ?? "" };
  } catch {
    return { isOk: false, text: "The master did not answer. Is it still running?", field: "" };
  }
}

export const commands = {
  edit: (fields: LoadFields): Promise<Outcome> => post("edit", fields),
  scenario: (name: string, change: ScenarioChange): Promise<Outcome> => post("scenario", { name, ...change }),
  stop: (): Promise<Outcome> => post("stop", {}),
  /** at: unix seconds; null is now. */
  marker: (text: string, at: number | null): Promise<Outcome> => post("marker", at === null ? { text } : { text, at }),
  reset: (): Promise<Outcome> => post("reset", {}),
};
