/* A scenario over the range of the page: what was started against the plan, late and dropped beneath, and how late. */
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { source, store } from "../../app-state";
import { pick, TimeChart, type Line } from "../../chart/time-chart";
import { count, msUnit, rate } from "../../lib/format";
import { oncePer } from "../../lib/once";
import type { CourseAnswer } from "../../live/judged";
import { POINT } from "../../live/protocol";
import type { Scenario, ScenariosAnswer } from "../../live/scenarios";
import { NO_VIEW, type SeriesView } from "../../live/series";
import { chartsTrouble, chartView, courseKey, drawn } from "../../range/data";
import { useQuestion } from "../../range/question";
import { span } from "../../range/state";
import { chartsOf, courseTable } from "../metrics/course";
import { meanLevel, STARTS, startsView } from "./plan-of";

const EVERY_S = 2;
const LATE_MS = 10;

const PLAN: Line = { label: "plan", color: "--muted", dash: [8, 4], width: 2, value: pick(STARTS.plan) };
const STARTED: Line = { label: "started", color: "--ok", fill: "--ok-fill", value: pick(STARTS.started) };
const LATE: Line = { label: `late (> ${LATE_MS} ms)`, color: "--s4", dash: [4, 3], value: pick(STARTS.late) };
const DROPPED: Line = { label: "dropped", color: "--failed", fill: "--failed-fill", width: 2, value: pick(STARTS.dropped) };
const DELAY = chartsOf("start_delay", "trend", "ms")[0]!.lines;

interface Counted {
  started: CourseAnswer;
  dropped: CourseAnswer;
  delay: CourseAnswer;
}

async function ask(of: Scenario, signal: AbortSignal): Promise<Counted> {
  const { from, to } = span.peek();
  const course = (metric: string, above?: number): Promise<CourseAnswer> => source.queries.course({ metric, tags: { scenario: of.name } }, from, to, signal, above);
  const [started, dropped, delay] = await Promise.all([course("iterations_started"), course("iterations_dropped"), course("start_delay", LATE_MS)]);
  return { started, dropped, delay };
}

interface Props {
  of: Scenario;
  told: ScenariosAnswer;
}

export function StartCourses({ of, told }: Props): JSX.Element {
  const asked = useQuestion<Counted>(() => courseKey(EVERY_S), (signal) => ask(of, signal), [of.name]);
  const { from, to } = drawn.value;
  const answer = asked.answer.value;
  const view = useMemo(() => (answer === null || told.begun === null ? NO_VIEW : startsView(of, answer, { begun: told.begun, elapsed: told.elapsed_s ?? 0, from, to })), [answer, from, to]);
  const delays = useMemo(() => (answer === null ? NO_VIEW : courseTable(answer.delay, "trend", from, to).view(from, to)), [answer, from, to]);
  const shared = { error: asked.error.value, onRetry: asked.retry, ...(answer === null && asked.error.value === "" ? { empty: "Loading…" } : {}) };
  return (
    <div class="charts">
      <TimeChart id="load-starts" title="Iterations started" unit="per second" view={view} lines={of.is_open ? [STARTED, PLAN] : [STARTED]} format={rate} kind="rate" isWide {...shared} />
      <TimeChart id="load-lost" title={of.is_open ? "Late and dropped" : "Dropped"} unit="per second" view={view} lines={of.is_open ? [DROPPED, LATE] : [DROPPED]} format={rate} kind="rate" {...shared} />
      {of.is_open ? <TimeChart id="load-delay" title="Start delay" unit="ms" view={delays} lines={DELAY} format={msUnit} kind="ms" {...shared} /> : null}
    </div>
  );
}

/** The users of one scenario are not kept by the second; those of all are. */
export function UserCourse({ of, told, isAlone }: Props & { isAlone: boolean }): JSX.Element {
  const lines = useMemo((): Line[] => {
    const planned = oncePer((view: SeriesView) => view.x.map((second) => meanLevel(of, second - told.begun!, second + view.step - told.begun!, told.elapsed_s ?? 0)));
    const plan: Line = { ...PLAN, value: planned };
    return isAlone ? [{ label: "users", color: "--users", fill: "--users-fill", value: pick(POINT.users) }, plan] : [plan];
  }, [of.stages, told.begun, told.elapsed_s, isAlone]);
  return (
    <div class="charts">
      <TimeChart id="load-users" title="Users" view={chartView.value} lines={lines} format={count} kind="count" {...chartsTrouble.value} isWide
        {...(isAlone ? {} : { note: <p class="note">{store.isRunning.value ? `It has ${count(of.users)} users now. ` : ""}Of several scenarios the users are not kept apart over time.</p> })} />
    </div>
  );
}
