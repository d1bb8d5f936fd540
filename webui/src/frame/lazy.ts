/* Code that the first load does not need: fetched once, when it is wanted or when the page has time.
 * What has been fetched stays, so that a screen opens without the master too. */
import { signal, type Signal } from "@preact/signals";
import type { JSX } from "preact";

export type ScreenComponent = () => JSX.Element | null;
export type LazyScreen = () => Promise<ScreenComponent>;

export type Fetched = { kind: "coming" } | { kind: "here"; component: ScreenComponent } | { kind: "failed" };

export class Shelf<Name extends string> {
  private readonly held = new Map<Name, Signal<Fetched>>();

  constructor(private readonly sources: Record<Name, LazyScreen>) {}

  /** How far it is; asks for it when nobody has. */
  of(name: Name): Fetched {
    let state = this.held.get(name);
    if (state === undefined) this.held.set(name, (state = this.fetched(name)));
    return state.value;
  }

  private fetched(name: Name): Signal<Fetched> {
    const state = signal<Fetched>({ kind: "coming" });
    this.sources[name]().then(
      (component) => (state.value = { kind: "here", component }),
      () => (state.value = { kind: "failed" }),
    );
    return state;
  }

  /** One after the other, whenever the page has nothing to do. */
  async fill(isIdle: () => Promise<void>): Promise<void> {
    for (const name of Object.keys(this.sources) as Name[]) {
      await isIdle();
      if (!this.held.has(name)) this.held.set(name, this.fetched(name));
    }
  }
}
