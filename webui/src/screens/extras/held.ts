/* The extras that the master told of, and when it is asked. */
import { computed, effect, signal } from "@preact/signals";
import { CAN_COMMAND } from "../../lib/build";
import { source, store } from "../../app-state";
import { askJson } from "../../live/ask";
import { extensionsOf, type Extensions, type Given } from "./extensions";

export const extensions = signal<Extensions>({ tables: [], files: [] });
export const hasExtras = computed(() => extensions.value.tables.length + extensions.value.files.length > 0);

/** Asked when the page meets a master, and when a test starts or ends: init listeners may be late. */
export function startExtensions(): void {
  if (!CAN_COMMAND) return;
  let asked = "";
  effect(() => {
    const run = store.run.value;
    const key = run === null || source.link.value.kind !== "live" ? asked : `${run.boot} ${store.state.value}`;
    if (key === asked) return;
    asked = key;
    void askJson<Given>("extensions").then((given) => (extensions.value = extensionsOf(given, document.baseURI))).catch(() => undefined); // none then
  });
}
