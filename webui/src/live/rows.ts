/* The endpoints: names once, numbers in one typed array, so that a tick of ten thousand rows
 * allocates nothing. */
import { ROW_WIDTH } from "./protocol";

const FIRST_CAPACITY = 64;

export class RowTable {
  length = 0;
  ids: number[] = [];
  methods: string[] = [];
  names: string[] = [];
  highestId = 0;
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
    this.values.fill(0, slot * ROW_WIDTH, (slot + 1) * ROW_WIDTH);
  }

  /** A row of an id without a definition is dropped: its name would be missing. */
  set(row: readonly (number | null)[]): void {
    const slot = this.slots.get(row[0] as number);
    if (slot === undefined) return;
    const start = slot * ROW_WIDTH;
    for (let i = 0; i < ROW_WIDTH; i++) this.values[start + i] = row[i] ?? NaN;
  }

  get(slot: number, column: number): number {
    return this.values[slot * ROW_WIDTH + column]!;
  }

  slotOf(id: number): number | undefined {
    return this.slots.get(id);
  }
}
