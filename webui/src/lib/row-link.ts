/* Endpoints in the address, by name: the numbers of rows are those of one run. Pure. */
import type { RowTable } from "../live/rows";

export const ALL_REQUESTS = "all";

type Named = Pick<RowTable, "methods" | "names" | "length">;

/** "GET /slow" */
export function rowText(rows: Named, slot: number): string {
  return `${rows.methods[slot]} ${rows.names[slot]}`;
}

/** The slot of that endpoint; undefined: this run has none of that name. */
export function slotOfText(rows: Named, text: string): number | undefined {
  for (let slot = 0; slot < rows.length; slot++) {
    const [method, name] = [rows.methods[slot]!, rows.names[slot]!];
    if (text.length === method.length + name.length + 1 && text.endsWith(name) && text.startsWith(`${method} `)) return slot;
  }
  return undefined;
}
