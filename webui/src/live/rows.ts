/* The endpoints: names once, numbers in one typed array, so that a tick of ten thousand rows
 * allocates nothing.
 *
 * A row has the columns that were asked for; of the others there is no number. What is asked for
 * follows from what is read: `touched` remembers it (live-source.ts). */
import { ALL_COLUMNS, columnsOf, ROW_WIDTH } from "./protocol";

const FIRST_CAPACITY = 64;

export class RowTable {
  length = 0;
  ids: number[] = [];
  methods: string[] = [];
  names: string[] = [];
  highestId = 0;
  columns = ALL_COLUMNS;
  private touched = new Uint8Array(ROW_WIDTH);
  private order = columnsOf(ALL_COLUMNS);
  private values = new Float64Array(FIRST_CAPACITY * ROW_WIDTH);
  private slots = new Map<number, number>();

  clear(): void {
    this.length = 0;
    this.highestId = 0;
    this.ids = [];
    this.methods = [];
    this.names = [];
    this.slots.clear();
  }

  define(id: number, method: string, name: string): void {
    if (this.slots.has(id)) return;
    const slot = this.length++;
    this.slots.set(id, slot);
    this.ids[slot] = id;
    this.methods[slot] = method;
    this.names[slot] = name;
    this.highestId = Math.max(this.highestId, id);
    if (this.length * ROW_WIDTH > this.values.length) {
      const grown = new Float64Array(this.values.length * 2);
      grown.set(this.values);
      this.values = grown;
    }
    this.values.fill(NaN, slot * ROW_WIDTH, (slot + 1) * ROW_WIDTH);
  }

  /** Rows have these columns from now on; the numbers of others would be old ones and go. */
  setColumns(columns: number): void {
    if (columns === this.columns) return;
    const kept = columnsOf(columns);
    for (const column of columnsOf(this.columns).filter((known) => !kept.includes(known)))
      for (let slot = 0; slot < this.length; slot++) this.values[slot * ROW_WIDTH + column] = NaN;
    this.columns = columns;
    this.order = kept;
  }

  /** A row of an id without a definition is dropped: its name would be missing. */
  set(row: readonly (number | null)[]): void {
    const slot = this.slots.get(row[0] as number);
    if (slot === undefined) return;
    const start = slot * ROW_WIDTH;
    for (let i = 0; i < this.order.length; i++) this.values[start + this.order[i]!] = row[i] ?? NaN;
  }

  get(slot: number, column: number): number {
    this.touched[column] = 1;
    return this.values[slot * ROW_WIDTH + column]!;
  }

  /** The columns that were read since the last call. */
  takeTouched(): number[] {
    const touched = columnsOf(ALL_COLUMNS).filter((column) => this.touched[column] === 1);
    this.touched.fill(0);
    return touched;
  }

  slotOf(id: number): number | undefined {
    return this.slots.get(id);
  }
}
