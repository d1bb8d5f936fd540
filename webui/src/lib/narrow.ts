/* Whether the page is narrow: tables become cards. The same width as in the style. */
import { signal } from "@preact/signals";

export const isNarrow = signal(false);

export function startNarrow(): void {
  const query = matchMedia("(max-width: 719px)");
  isNarrow.value = query.matches;
  query.addEventListener("change", () => (isNarrow.value = query.matches));
}
