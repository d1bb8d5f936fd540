/* One series over the range of the page: its course with the limits of its thresholds, and of a check requests that failed it. */
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { source } from "../../app-state";
import { TimeChart } from "../../chart/time-chart";
import { rate, visible } from "../../lib/format";
import type { CourseAnswer, SeriesName } from "../../live/judged";
import { NO_VIEW } from "../../live/series";
import { Icon } from "../../parts/icons";
import { Samples } from "../../parts/samples";
import { courseKey, drawn } from "../../range/data";
import { useQuestion } from "../../range/question";
import { setFixed, span } from "../../range/state";
import { timeText } from "../../range/time";
import { rangeWords } from "../../range/words";
import { limitsOfMetric, limitsOfSeries } from "../../verdict/limits";
import { thresholds } from "../../verdict/state";
import { COLUMNS } from "./columns";
import { chartsOf, courseTable } from "./course";
import { seriesText, shareText, valueText, type CountedRow, type Kind } from "./model";

const EVERY_S = 3;

function Failing({ row }: { row: CountedRow }): JSX.Element | null {
  if (row.first === null || row.last === null) return null;
  const [first, last] = [row.first, row.last];
  return <div class="warm"><dt>failed first – last, in all of the run</dt><dd><button type="button" class="link" title="Select this time" onClick={() => setFixed({ from: first, to: last + 1 })}>{timeText(first)} – {timeText(last)}</button></dd></div>;
}

interface CoursesProps {
  of: CountedRow["main"];
  /** All of the metric added up: only what has a limit is drawn. */
  isWhole?: boolean;
  all: readonly SeriesName[];
}

export function Courses({ of, isWhole, all }: CoursesProps): JSX.Element {
  const { metric, type, unit } = of;
  const tags = isWhole ? null : of.tags;
  const asked = useQuestion<CourseAnswer>(() => courseKey(EVERY_S), (signal) => source.queries.course({ metric, tags }, span.peek().from, span.peek().to, signal), [seriesText(of), isWhole]);
  const { from, to } = drawn.value;
  const view = useMemo(() => (asked.answer.value === null ? NO_VIEW : courseTable(asked.answer.value, type, from, to).view(from, to)), [asked.answer.value, from, to]);
  const loading = asked.answer.value === null && asked.error.value === "" ? { empty: "Loading…" } : {};
  return (
    <div class="charts">
      {chartsOf(metric, type, unit).map((chart) => ({ ...chart, limits: isWhole ? limitsOfMetric(thresholds.value, metric, chart.quantity, all) : limitsOfSeries(thresholds.value, of, chart.quantity, all) })).filter(({ limits }) => !isWhole || limits.length > 0).map((chart) => (
        <TimeChart key={chart.id} id={`metric-${chart.id}`} title={isWhole ? `${chart.title}, all ${visible(metric)} together` : chart.title} unit={visible(chart.unit)} view={view} lines={chart.lines} error={asked.error.value} onRetry={asked.retry} {...loading}
          kind={chart.quantity === "percent" ? "percent" : chart.quantity === "value" && unit === "ms" ? "ms" : "rate"} limits={chart.limits}
          format={chart.quantity === "percent" ? (value) => shareText(value ?? null) : chart.quantity === "rate" ? rate : (value) => valueText(value ?? null, unit)} />
      ))}
    </div>
  );
}

export interface DrillProps {
  row: CountedRow;
  kind: Kind;
  all: readonly SeriesName[];
  onStep: (by: number) => void;
  onClose: () => void;
}

export function MetricDrill({ row, kind, all, onStep, onClose }: DrillProps): JSX.Element {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  const isCheck = kind === "checks" && !row.isOther;
  return (
    <section class="drill" aria-labelledby="drill-title">
      <header class="drill-head">
        <h2 id="drill-title" tabIndex={-1} ref={title} title={visible(row.title)}>{visible(row.title)}</h2>
        <button type="button" class="button quiet icon-only small" aria-label="Previous row" title="Previous row (key k)" onClick={() => onStep(-1)}><Icon name="left" /></button>
        <button type="button" class="button quiet icon-only small" aria-label="Next row" title="Next row (key j)" onClick={() => onStep(1)}><Icon name="right" /></button>
        <button type="button" class="button quiet icon-only small" aria-label="Close" title="Close (Esc)" onClick={onClose}><Icon name="close" /></button>
      </header>
      {row.tags.length > 0 ? <p class="tag-list">{row.tags.map(([key, value]) => <span class="tag" key={key}>{visible(key)}: <b>{visible(value)}</b></span>)}</p> : null}
      <dl class="drill-facts">
        {COLUMNS[kind].map((column) => <div key={column.key} class={column.isWarm?.(row) ? "warm" : ""}><dt>{column.label.toLowerCase()}</dt><dd>{column.text(row)}</dd></div>)}
        {kind === "checks" ? <Failing row={row} /> : null}
      </dl>
      <p class="note">Numbers {rangeWords()}.</p>
      {row.workers.length > 0 ? (
        <section class="panel" aria-labelledby="workers-title">
          <header class="panel-head"><h2 id="workers-title">What each worker said last</h2></header>
          <dl class="drill-facts parts">{row.workers.map(({ worker, value, at }) => <div key={worker}><dt title={timeText(at)}>{visible(worker)}</dt><dd>{valueText(value, row.unit)}</dd></div>)}</dl>
        </section>
      ) : null}
      {row.isOther ? <p class="callout info">What found no series of its own: there are too many sets of tags. Its course is not kept apart.</p> : <Courses of={row.main} all={all} />}
      {isCheck && (row.numbers["fails"] ?? 0) > 0 && source.has("samples") ? (
        <section class="panel" aria-labelledby="samples-title">
          <header class="panel-head"><h2 id="samples-title">Requests that failed it</h2></header>
          <Samples key={row.title} of={[{ check: row.title }]} />
        </section>
      ) : null}
    </section>
  );
}
