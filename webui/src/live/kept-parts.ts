/* Samples and log lines as a report file and a stored run have them. */
import type { SamplesAsk } from "./queries";
import type { Failure, LogsAnswer, Sample } from "./protocol";

const CHECK_SAMPLES = 5;

export interface KeptSamples {
  kinds: [string, string, string | null, Sample[]][];
  left_out: number;
}

/** Of a run: its failures, and the ids and names of its rows. */
interface Names {
  failures: readonly Failure[];
  defs: readonly (readonly [number, string, string])[];
}

/** As the worker writes it: what was raised stands behind a colon. */
function ofCheck(samples: KeptSamples | null, check: string): Sample[] {
  const words = `check failed: ${check}`;
  const all = samples?.kinds.flatMap((kind) => (kind[2] === null ? [] : kind[3])) ?? [];
  return all.filter(({ error }) => error === words || error?.startsWith(`${words}:`)).slice(0, CHECK_SAMPLES);
}

export function samplesOf(samples: KeptSamples | null, ask: SamplesAsk, names: Names): Sample[] {
  if ("check" in ask) return ofCheck(samples, ask.check);
  const failure = "kind" in ask ? names.failures.find(({ id }) => id === ask.kind) : undefined;
  const row = "row" in ask ? names.defs.find(([id]) => id === ask.row) : undefined;
  const [method, name, text] = failure ? [failure.method, failure.name, failure.kind ?? failure.text] : row ? [row[1], row[2], null] : ["", "", ""];
  return samples?.kinds.find((kind) => kind[0] === method && kind[1] === name && kind[2] === text)?.[3] ?? [];
}

export function linesSince(logs: LogsAnswer | null, since: number): LogsAnswer {
  const { seq, first, dropped, lines } = logs ?? { seq: 0, first: 0, dropped: 0, lines: [] };
  return { seq, first, dropped, lines: lines.filter(([line]) => line > since) };
}
