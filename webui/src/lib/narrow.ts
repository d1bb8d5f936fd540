/* Whether the page is narrow: tables become cards, at the same width as in the style; or so tight
 * that tables leave out what is dispensable. */
import { signal } from "@preact/signals";

export const isNarrow = signal(false);
/** Not all columns that a table has by itself find room. */
export const isTight = signal(false);

export function startNarrow(): void {
  for (const [width, is] of [[719, isNarrow], [1199, isTight]] as const) {
    const query = matchMedia(`(max-width: ${width}px)`);
    is.value = query.matches;
    query.addEventListener("change", () => (is.value = query.matches));
  }
}
