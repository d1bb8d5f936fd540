/* Endpoints that somebody ticked, side by side in one chart above the table. They are part of the
 * address: `ticked=3,17`. */
import { computed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { say, source, store } from "../../app-state";
import { distinct } from "../../chart/legend";
import { SERIES } from "../../chart/lines";
import { TimeChart, pick } from "../../chart/time-chart";
import { ms, rate, visible } from "../../lib/format";
import { route, setQuery } from "../../lib/route";
import { POINT } from "../../live/protocol";
import { NO_VIEW, sideBySide, type SeriesTable } from "../../live/series";
import { Icon } from "../../parts/icons";
import { courseKey, drawn } from "../../range/data";
import { useQuestion } from "../../range/question";
import { span } from "../../range/state";
import { middle } from "./model";

const EVERY_S = 3;
const NAME_MOST = 44;
const METRICS = [["p95", POINT.p95, "p95, ms"], ["req/s", POINT.rps, "requests/s"], ["fails/s", POINT.failRps, "failures/s"]] as const;

export const ticked = computed<number[]>(() => (route.value.query["ticked"] ?? "").split(",").map(Number).filter((id) => Number.isInteger(id) && id > 0).slice(0, SERIES.length));

export function toggleTick(id: number): void {
  const now = ticked.value;
  if (!now.includes(id) && now.length === SERIES.length) return say(`The chart takes ${SERIES.length} endpoints at most.`, false);
  setQuery({ ticked: (now.includes(id) ? now.filter((other) => other !== id) : [...now, id]).join() });
}

function nameOf(id: number): string {
  const slot = store.rows.slotOf(id);
  if (slot === undefined) return String(id);
  const [start, end] = middle(visible(store.rows.names[slot]!), NAME_MOST);
  return `${visible(store.rows.methods[slot]!)} ${end === "" ? start : `${start.slice(0, NAME_MOST - end.length)}…${end}`}`.trim();
}

export function TickedChart(): JSX.Element {
  const chosen = useSignal(0);
  const [, column, unit] = METRICS[chosen.value]!;
  const asked = useQuestion<[number, SeriesTable][]>(
    () => {
      const key = courseKey(EVERY_S);
      return key === null ? null : `${key} ${ticked.value.join()}`;
    },
    (signal) => Promise.all(ticked.peek().map(async (id): Promise<[number, SeriesTable]> => [id, await source.queries.series({ ...span.peek(), id }, signal)])),
    [],
  );
  const { from, to } = drawn.value;
  const tables = asked.answer.value;
  const view = useMemo(() => (tables === null ? NO_VIEW : sideBySide(tables.map(([, table]) => table.view(from, to)), column)), [tables, from, to, column]);
  const names = distinct((tables ?? []).map(([id]) => nameOf(id)));
  return (
    <TimeChart id="ticked" title="Ticked endpoints" unit={unit} view={view} format={column === POINT.p95 ? ms : rate} error={asked.error.value} onRetry={asked.retry}
      {...(tables === null ? { empty: "Loading…" } : {})}
      lines={names.map((name, i) => ({ label: name, ...SERIES[i]!, value: pick(i) }))}
      tools={
        <>
          <div class="segments small" role="group" aria-label="What is drawn">
            {METRICS.map(([name], i) => <button type="button" key={name} aria-pressed={i === chosen.value} onClick={() => (chosen.value = i)}>{name}</button>)}
          </div>
          <button type="button" class="button quiet icon-only small" aria-label="Untick all" title="Untick all" onClick={() => setQuery({ ticked: "" })}><Icon name="close" /></button>
        </>
      } />
  );
}
