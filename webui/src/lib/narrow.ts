/* Whether the page is narrow: tables become cards, at the same width as in the style; or so tight
 * that tables leave out what finds no room. */
import { signal } from "@preact/signals";

export const isNarrow = signal(false);
/** Names are cut. */
export const isTight = signal(false);

/** Px beside the rail and the margins, as the style has them; to 10. */
export const room = signal(Infinity);
const RAIL = 184;
const ICONS = 60;
const MARGINS = 60; // a bar to scroll included

export function roomOf(width: number): number {
  return Math.floor((width - (width < 1100 ? ICONS : RAIL) - MARGINS) / 10) * 10;
}

export function startNarrow(): void {
  const measure = (): void => void (room.value = roomOf(innerWidth));
  measure();
  addEventListener("resize", measure);
  for (const [width, is] of [[719, isNarrow], [1199, isTight]] as const) {
    const query = matchMedia(`(max-width: ${width}px)`);
    is.value = query.matches;
    query.addEventListener("change", () => (is.value = query.matches));
  }
}
