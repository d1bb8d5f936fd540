/* The requests of a cell of a heat map that their workers wrote down: the slowest of its endpoint and those that failed. */
import type { JSX } from "preact";
import { source, store } from "../app-state";
import { ms, msUnit } from "../lib/format";
import { ROW, type Sample } from "../live/protocol";
import { Samples } from "../parts/samples";
import { shown } from "../range/data";
import { timeText } from "../range/time";

export interface Cell {
  from: number;
  to: number;
  low: number;
  high: number;
}

const ENDPOINTS_MOST = 5;

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

export function CellSamples({ row, cell, onClose }: { row: number; cell: Cell; onClose: () => void }): JSX.Element | null {
  if (!source.has("samples") || !store.hasRun.value) return null;
  return (
    <div class="cell-samples">
      <p><b>{timeText(cell.from)}</b>, {ms(cell.low)} to {msUnit(cell.high)} <button type="button" class="link" onClick={onClose}>Close</button></p>
      <Samples key={`${row} ${cell.from} ${cell.low}`} of={rowsFor(row, cell).map((id) => ({ row: id }))} isMeant={(sample) => isInCell(cell, sample)} />
    </div>
  );
}
