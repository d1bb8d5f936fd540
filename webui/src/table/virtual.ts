/* Long lists of which only the visible rows exist. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

const OVERSCAN = 6;

export interface Viewport {
  ref: { current: HTMLDivElement | null };
  top: number;
  height: number;
  scrollTo: (top: number) => void;
}

export function useViewport(): Viewport {
  const ref = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  useEffect(() => {
    const box = ref.current!;
    const read = (): void => {
      top.value = box.scrollTop;
      height.value = box.clientHeight;
    };
    const observer = new ResizeObserver(read);
    observer.observe(box);
    box.addEventListener("scroll", read, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", read);
    };
  }, []);
  return { ref, top: top.value, height: height.value, scrollTo: (next) => ref.current?.scrollTo({ top: next }) };
}

export function visibleRange(top: number, height: number, rowHeight: number, length: number): [number, number] {
  const first = Math.max(0, Math.min(length, Math.floor(top / rowHeight)) - OVERSCAN);
  return [first, Math.min(length, Math.ceil((top + height) / rowHeight) + OVERSCAN)];
}

/** How many elements are enough for all visible rows: row i has element i mod this. */
export function poolOf(height: number, rowHeight: number): number {
  return Math.ceil(height / rowHeight) + 1 + 2 * OVERSCAN;
}
