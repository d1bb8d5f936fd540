/* The requests of a cell of a heat map that their workers wrote down: the slowest of its endpoint and those that failed. */
import type { JSX } from "preact";
import { source, store } from "../app-state";
import { ms, msUnit } from "../lib/format";
import type { SamplesAsk } from "../live/queries";
import { ROW, type Failure, type Sample } from "../live/protocol";
import { Samples } from "../parts/samples";
import { shown } from "../range/data";
import { useQuestion } from "../range/question";
import { timeText } from "../range/time";

export interface Cell {
  from: number;
  to: number;
  low: number;
  high: number;
}

const ENDPOINTS_MOST = 5;
const KINDS_MOST = 5;

export function isInCell(cell: Cell, sample: Pick<Sample, "at" | "time_ms">): boolean {
  return sample.at >= cell.from && sample.at < cell.to && sample.time_ms !== null && sample.time_ms >= cell.low && sample.time_ms < cell.high;
}

/** Of all requests: endpoints whose slowest request may lie in the cell. */
function rowsFor(row: number, cell: Cell): number[] {
  if (row !== 0) return [row];
  const { rows } = shown.value;
  const slots = Array.from({ length: rows.length }, (_, slot) => slot).filter((slot) => rows.get(slot, ROW.max) >= cell.low);
  return slots.sort((a, b) => rows.get(b, ROW.max) - rows.get(a, ROW.max)).slice(0, ENDPOINTS_MOST).map((slot) => rows.ids[slot]!);
}

/** Kinds of failures that happened in the cell's time, of the row; 0: of all. */
async function kindsFor(row: number, cell: Cell, signal: AbortSignal): Promise<SamplesAsk[]> {
  const slot = store.rows.slotOf(row);
  const isOf = (kind: Failure): boolean => row === 0 || (slot !== undefined && kind.method === store.rows.methods[slot] && kind.name === store.rows.names[slot]);
  const kinds = await source.queries.failures(cell.from, cell.to, signal);
  return kinds.filter((kind) => (kind.in_range ?? 0) > 0 && isOf(kind)).flatMap(({ id }) => (id === undefined ? [] : [{ kind: id }])).slice(0, KINDS_MOST);
}

export function CellSamples({ row, cell, onClose }: { row: number; cell: Cell; onClose: () => void }): JSX.Element | null {
  const failed = useQuestion(() => (store.failures.peek()[0] > 0 ? "once" : null), (signal) => kindsFor(row, cell, signal), [row, cell]);
  if (!source.has("samples") || !store.hasRun.value) return null;
  const isAsked = store.failures.peek()[0] > 0 && failed.answer.value === null && failed.error.value === "";
  const asks: SamplesAsk[] = [...rowsFor(row, cell).map((id) => ({ row: id })), ...(failed.answer.value ?? [])];
  return (
    <div class="cell-samples">
      <p><b>{timeText(cell.from)}</b>, {ms(cell.low)} to {msUnit(cell.high)} <button type="button" class="link" onClick={onClose}>Close</button></p>
      {isAsked ? null : <Samples key={`${row} ${cell.from} ${cell.low}`} of={asks} isMeant={(sample) => isInCell(cell, sample)} />}
    </div>
  );
}
