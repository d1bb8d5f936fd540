/* Where the keyboard is when what had it goes away: in the screen, not before all of the page. */

let last: EventTarget | null = null;

export function watchFocus(): void {
  document.addEventListener("focusin", (event) => (last = event.target));
}

/** Called when the page may have lost the control that was used. */
export function keepFocus(): void {
  if (document.activeElement !== document.body || !(last instanceof Element) || last.isConnected) return;
  last = null;
  document.getElementById("main")?.focus({ preventScroll: true });
}
