/* The band: the whole run in one low picture, users over their plan, below them requests and the part of
 * them that failed on one scale, with the selected range on it. Drag to select, drag the selection to move it, arrow keys move
 * it, with Shift they change its end. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { cssVar, painted } from "../lib/theme";
import { together } from "../live/health";
import { POINT } from "../live/protocol";
import type { SeriesView } from "../live/series";
import { store } from "../app-state";
import { count, rate, visible } from "../lib/format";
import { shortIds } from "../lib/state-words";
import { events } from "../range/data";
import { isFixed, runSpan, setFixed, span, wholeTable } from "../range/state";
import { courseBeat, tidy, type Span } from "../range/range";
import { timeText } from "../range/time";
import { invalid } from "../verdict/state";
import { coarse, lanesOf, paintLane, type Lane } from "./lanes";

const CLICK_PX = 4;
const REPAINT_S = 3;
const FLAGS = ["marker", "users", "stage", "scenario", "worker", "reset"];

/** Scenarios have no number of users to come to. */
const hasPlan = (): boolean => !store.run.value?.scenarios;

/** What the band shows, until there is a pixel more to show. */
interface Picture {
  run: Span;
  view: SeriesView;
  lanes: readonly [Lane, Lane];
}

function pictureOf(run: Span, places: number): Picture {
  const view = coarse(wholeTable.value.view(run.from, run.to), places);
  return { run, view, lanes: lanesOf(view.column, hasPlan()) };
}

function paint(canvas: HTMLCanvasElement, { run, view, lanes }: Picture): void {
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
  for (const [from, to] of together(invalid.value)) pen.fillRect(x(from), 0, Math.max(scale, x(to) - x(from)), height);
  const gap = 2 * scale;
  const half = (height - 3 * gap) / 2;
  lanes.forEach((lane, i) => paintLane(pen, lane, view, { y: gap + i * (half + gap), height: half, x }, cssVar));
  pen.fillStyle = cssVar("--accent");
  for (const event of events.value) if (FLAGS.includes(event.kind)) pen.fillRect(Math.round(x(event.at)), 0, scale, height);
}

/** What the band shows at a second. */
function wordsAt(second: number, run: Span): string {
  const view = wholeTable.value.view(run.from, run.to);
  const at = Math.min(view.x.length - 1, Math.floor((second - (view.x[0] ?? second)) / view.step));
  const value = (column: number): number | null => view.column(column)[at] ?? null;
  if (at < 0) return "";
  const planned = !hasPlan() ? "" : ` of ${count(value(POINT.target))}`;
  const near = events.value.filter((event) => Math.abs(event.at - second) <= Math.max(1, (run.to - run.from) / 200)).map((event) => shortIds(visible(event.text)));
  return [`${timeText(second)}: ${count(value(POINT.users))}${planned} users, ${rate(value(POINT.rps))} requests/s, ${rate(value(POINT.failRps))} failed/s`, ...near].join(" · ");
}

type Grip = { kind: "new"; start: number } | { kind: "move"; start: number; was: Span } | { kind: "from" | "to"; was: Span };

/** The tops of the two scales, with their names. */
function Tops({ lanes: [users, requests] }: Pick<Picture, "lanes">): JSX.Element {
  return (
    <p class="strip-tops" aria-hidden="true">
      <span>{count(users.top)} {users.top === 1 ? "user" : "users"}</span>
      <span>{rate(requests.top)} requests/s, <i class="strip-failed">failed</i></span>
    </p>
  );
}

export function Strip(): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const widthPx = useRef(0); // asking the element in each render would lay the page out twice
  const box = useRef<HTMLDivElement>(null);
  const draft = useSignal<Span | null>(null);
  const grip = useRef<Grip | null>(null);
  const said = useSignal("");
  const run = runSpan.value;
  const shown = draft.value ?? span.value;
  const length = Math.max(1, run.to - run.from);
  const part = (second: number): number => Math.min(1, Math.max(0, (second - run.from) / length));

  // A pixel of change is worth a picture, not each second; so are earlier seconds that came.
  const beat = courseBeat(length, REPAINT_S, Math.max(1, widthPx.current));
  const places = widthPx.current > 0 ? Math.ceil(widthPx.current * devicePixelRatio) : Infinity;
  const picture = useMemo(() => pictureOf(run, places), [Math.floor(run.to / beat), places, wholeTable.value, wholeTable.value.seconds[0], run.from, store.series.length > 1, hasPlan()]);
  const newest = useRef(picture);
  newest.current = picture;
  useEffect(() => {
    if (canvas.current) paint(canvas.current, picture);
  }, [picture, painted.value, invalid.value, events.value]);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      widthPx.current = entry!.contentRect.width;
      if (canvas.current) paint(canvas.current, newest.current);
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
    const at = secondAt(event);
    said.value = wordsAt(at, run);
    if (held === null) return;
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
      aria-valuetext={`${timeText(shown.from)} to ${timeText(shown.to)}`} onKeyDown={keys} onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerLeave={() => (said.value = "")}
      onPointerCancel={() => { grip.current = null; draft.value = null; }}>
      <canvas ref={canvas} aria-hidden="true" />
      <Tops lanes={picture.lanes} />
      <div class="strip-range" style={{ left: `${left}%`, width: `${width}%` }} />
      {said.value === "" ? null : <p class="strip-words" role="presentation">{said.value}</p>}
    </div>
  );
}
