/* The overview strip: the whole run in one low picture, users as an area and failures as a line,
 * with the selected range on it. Drag to select, drag the selection to move it, arrow keys move
 * it, with Shift they change its end. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { cssVar, painted } from "../lib/theme";
import { POINT } from "../live/protocol";
import { store } from "../app-state";
import { saturated } from "../range/data";
import { isFixed, runSpan, setFixed, span, wholeTable } from "../range/state";
import { courseBeat, tidy, type Span } from "../range/range";
import { timeText } from "../range/time";

const CLICK_PX = 4;
const REPAINT_S = 3;

function most(values: readonly (number | null)[]): number {
  let max = 0;
  for (const value of values) if (value !== null && value > max) max = value;
  return max;
}

function paint(canvas: HTMLCanvasElement, run: Span): void {
  const scale = devicePixelRatio;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (width === 0) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d")!;
  pen.clearRect(0, 0, width, height);
  const length = Math.max(1, run.to - run.from);
  const x = (second: number): number => ((second - run.from) / length) * width;
  pen.fillStyle = cssVar("--shade");
  for (const [from, to] of saturated.value) pen.fillRect(x(from), 0, Math.max(scale, x(to) - x(from)), height);
  const view = wholeTable.value.view(run.from, run.to);
  const users = view.column(POINT.users);
  const failures = view.column(POINT.failRps);
  const topUsers = most(users) || 1;
  const topFailures = most(failures);
  const y = (value: number, top: number): number => height - scale - (value / top) * (height - 3 * scale);
  pen.fillStyle = cssVar("--strip-users");
  pen.beginPath();
  pen.moveTo(x(view.x[0] ?? run.from), height);
  view.x.forEach((second, i) => {
    const at = y(users[i] ?? 0, topUsers);
    pen.lineTo(x(second), at);
    pen.lineTo(x(second + view.step), at);
  });
  pen.lineTo(x((view.x.at(-1) ?? run.from) + view.step), height);
  pen.fill();
  if (topFailures === 0) return;
  pen.strokeStyle = cssVar("--failed");
  pen.lineWidth = 1.25 * scale;
  pen.beginPath();
  let isPen = false;
  view.x.forEach((second, i) => {
    const value = failures[i];
    if (value === null || value === undefined) {
      isPen = false;
      return;
    }
    const at = y(value, topFailures);
    if (isPen) pen.lineTo(x(second + view.step / 2), at);
    else pen.moveTo(x(second + view.step / 2), at);
    isPen = true;
  });
  pen.stroke();
}

type Grip = { kind: "new"; start: number } | { kind: "move"; start: number; was: Span } | { kind: "from" | "to"; was: Span };

export function Strip(): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const widthPx = useRef(0); // asking the element in each render would lay the page out twice
  const box = useRef<HTMLDivElement>(null);
  const draft = useSignal<Span | null>(null);
  const grip = useRef<Grip | null>(null);
  const run = runSpan.value;
  const shown = draft.value ?? span.value;
  const length = Math.max(1, run.to - run.from);
  const part = (second: number): number => Math.min(1, Math.max(0, (second - run.from) / length));

  // A pixel of change is worth a picture, not each second.
  const beat = courseBeat(length, REPAINT_S, Math.max(1, widthPx.current));
  useEffect(() => {
    if (canvas.current) paint(canvas.current, run);
  }, [Math.floor(run.to / beat), painted.value, wholeTable.value, saturated.value, run.from, store.series.length > 1]);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      widthPx.current = entry!.contentRect.width;
      if (canvas.current) paint(canvas.current, runSpan.peek());
    });
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  const secondAt = (event: PointerEvent): number => {
    const { left, width } = box.current!.getBoundingClientRect();
    return run.from + (Math.min(width, Math.max(0, event.clientX - left)) / width) * length;
  };
  function down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const at = secondAt(event);
    const perPixel = length / box.current!.clientWidth;
    const { from, to } = span.value;
    const edge = 7 * perPixel;
    if (isFixed.value && Math.abs(at - from) < edge) grip.current = { kind: "from", was: span.value };
    else if (isFixed.value && Math.abs(at - to) < edge) grip.current = { kind: "to", was: span.value };
    else if (isFixed.value && at > from && at < to) grip.current = { kind: "move", start: at, was: span.value };
    else grip.current = { kind: "new", start: at };
    box.current!.setPointerCapture(event.pointerId);
  }
  function move(event: PointerEvent): void {
    const held = grip.current;
    if (held === null) return;
    const at = secondAt(event);
    const perPixel = length / box.current!.clientWidth;
    if (held.kind === "new") {
      if (Math.abs(at - held.start) > CLICK_PX * perPixel) draft.value = tidy({ from: held.start, to: at }, run);
    } else if (held.kind === "move") {
      const shift = Math.min(run.to - held.was.to, Math.max(run.from - held.was.from, at - held.start));
      draft.value = { from: held.was.from + shift, to: held.was.to + shift };
    } else draft.value = tidy(held.kind === "from" ? { from: at, to: held.was.to } : { from: held.was.from, to: at }, run);
  }
  function up(): void {
    const wanted = draft.value;
    grip.current = null;
    draft.value = null;
    if (wanted !== null) setFixed(wanted);
  }
  function keys(event: KeyboardEvent): void {
    const sign = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (sign === 0) return;
    event.preventDefault();
    const { from, to } = span.value;
    const step = Math.max(1, Math.round(length / 50)) * sign;
    if (event.shiftKey) setFixed({ from, to: to + step });
    else {
      const shift = Math.min(run.to - to, Math.max(run.from - from, step));
      setFixed(shift === 0 && sign > 0 ? { from: Math.min(from + step, to - 2), to } : { from: from + shift, to: to + shift });
    }
  }
  const left = part(shown.from) * 100;
  const width = Math.max(0.4, part(shown.to) * 100 - left);
  return (
    <div class={`strip${isFixed.value || draft.value ? " is-fixed" : ""}`} ref={box} tabIndex={0} role="slider" aria-label="Selected range of the run"
      aria-valuemin={0} aria-valuemax={Math.round(length)} aria-valuenow={Math.round(shown.from - run.from)}
      aria-valuetext={`${timeText(shown.from)} to ${timeText(shown.to)}`} onKeyDown={keys} onPointerDown={down} onPointerMove={move} onPointerUp={up}
      onPointerCancel={() => { grip.current = null; draft.value = null; }}>
      <canvas ref={canvas} aria-hidden="true" />
      <div class="strip-range" style={{ left: `${left}%`, width: `${width}%` }} />
    </div>
  );
}
