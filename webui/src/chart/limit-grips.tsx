/* Grips at the limits that were set on the page: dragged, or moved by the arrow keys, they change the threshold of the
 * running test. Beside the picture of the chart, not in it: they can be focused. */
import { useSignal, type ReadonlySignal } from "@preact/signals";
import type { JSX, RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { say } from "../app-state";
import { commands } from "../live/commands";
import type { Limit } from "../verdict/limits";
import { linesWith, onStep, stepAt } from "../verdict/move";
import { asked, thresholds } from "../verdict/state";
import { limitWords, valueWords } from "../verdict/words";
import "../style/grips.css";

const SEND_AFTER_MS = 700; // since the last key
const KEYS: Record<string, number> = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

interface GripsProps {
  limits: readonly Limit[];
  plot: { current: uPlot | null };
  box: RefObject<HTMLElement | null>;
  /** Counts the drawings: the axis may be another. */
  drawn: ReadonlySignal<number>;
  isLog: boolean;
  hasRight: boolean;
}

function Grip({ limit, plot, box, isLog, hasRight }: Omit<GripsProps, "limits" | "drawn"> & { limit: Limit }): JSX.Element | null {
  /** While it is on its way: until the answer is there. */
  const moved = useSignal<number | null>(null);
  const isDragged = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => void (moved.value = null), [limit.value]);
  const made = plot.current;
  if (made === null || box.current === null) return null;
  const { of, value: was } = limit;
  const value = moved.value ?? was;
  const top = made.scales["y"]?.max ?? value;
  const start = box.current.offsetTop + made.over.offsetTop;
  const y = start + (value >= top ? 0 : made.valToPos(value, "y"));
  const inItsUnit = (shown: number): number => Number(((shown * of.limit) / was).toPrecision(6));
  const words = `${of.stat} ${of.op} ${valueWords(limitWords({ limit: inItsUnit(value), unit: of.unit }))}`;

  async function send(): Promise<void> {
    clearTimeout(timer.current);
    const wanted = moved.value;
    if (wanted === null || wanted === was) return void (moved.value = null);
    const said = await commands.edit({ thresholds: linesWith(thresholds.value, of, inItsUnit(wanted)) });
    if (said.isOk) asked.retry();
    else moved.value = null;
    say(said.isOk ? `The limit is now ${words}.` : said.text, said.isOk);
  }
  function stay(): void {
    clearTimeout(timer.current);
    isDragged.current = false;
    moved.value = null;
  }
  function keys(event: KeyboardEvent): void {
    const by = KEYS[event.key];
    if (by !== undefined) {
      const step = stepAt(value, top, isLog);
      moved.value = onStep(onStep(value, step) + by * step, step);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => void send(), SEND_AFTER_MS);
    } else if (event.key === "Enter") void send();
    else if (event.key === "Escape" && moved.value !== null) stay();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  function drag(event: PointerEvent): void {
    if (!isDragged.current) return;
    const at = made!.posToVal(Math.max(0, event.clientY - made!.over.getBoundingClientRect().top), "y");
    moved.value = onStep(at, stepAt(Math.max(at, was / 100), top, isLog));
  }
  return (
    <>
      {moved.value === null ? null : <div class="limit-moved" style={{ top: `${y}px` }}><span>{words}</span></div>}
      <div class={`limit-grip${hasRight ? " inside" : ""}`} role="slider" tabIndex={0} style={{ top: `${y}px` }} aria-orientation="vertical" aria-label={`Limit of ${of.stat}, ${of.scope}`}
        aria-valuemin={0} aria-valuemax={Math.max(top, value)} aria-valuenow={value} aria-valuetext={words} title={`${words}: drag it, or move it by the arrow keys`} onKeyDown={keys}
        onPointerDown={(event) => { isDragged.current = true; event.currentTarget.setPointerCapture(event.pointerId); }} onPointerMove={drag} onPointerCancel={stay}
        onPointerUp={() => { if (isDragged.current) { isDragged.current = false; void send(); } }} />
    </>
  );
}

export function LimitGrips({ limits, drawn, ...place }: GripsProps): JSX.Element {
  drawn.value;
  return <>{limits.map((limit, i) => <Grip key={`${i} ${limit.of.name} ${limit.of.stat} ${limit.of.scope} ${limit.of.op} ${limit.of.mode}`} limit={limit} {...place} />)}</>;
}
