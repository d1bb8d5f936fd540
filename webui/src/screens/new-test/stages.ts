/* A load in stages: rows a person fills in, and the load shape that does the same. Pure. */
import { isCount, isRate, parseSpan, type Step } from "./plan";

export interface Stage {
  length: string; // "2m"
  users: string;
  rate: string; // per second
}

export const FIRST_STAGES: Stage[] = [
  { length: "1m", users: "10", rate: "1" },
  { length: "3m", users: "50", rate: "5" },
  { length: "1m", users: "10", rate: "5" },
];

/** What is wrong with a stage, by field. */
export function wrong(stage: Stage): Partial<Record<keyof Stage, string>> {
  return {
    ...((parseSpan(stage.length) ?? 0) > 0 ? {} : { length: "A time such as 30s, 5m or 1h." }),
    ...(isCount(stage.users) ? {} : { users: "A whole number." }),
    ...(isRate(stage.rate) ? {} : { rate: "A number above 0." }),
  };
}

/** The corner points of the stages; null when one of them is wrong. */
export function stepsOf(stages: readonly Stage[]): Step[] | null {
  const steps: Step[] = [];
  let at = 0;
  for (const stage of stages) {
    if (Object.keys(wrong(stage)).length > 0) return null;
    steps.push([at, Number(stage.users), Number(stage.rate)]);
    at += parseSpan(stage.length)!;
  }
  const last = steps.at(-1);
  return last === undefined ? null : [...steps, [at, last[1], last[2]]];
}

/** The same as Python, to stand in a locustfile; "" when a stage is wrong. */
export function shapeText(stages: readonly Stage[]): string {
  const steps = stepsOf(stages);
  if (steps === null) return "";
  const rows = steps.slice(0, -1).map(([, users, rate], i) => `        (${steps[i + 1]![0]}, ${users}, ${rate}),`);
  return [
    "from locust import LoadTestShape", "", "",
    "class Stages(LoadTestShape):",
    "    stages = [  # until which second, users, users per second",
    ...rows,
    "    ]", "",
    "    def tick(self):",
    "        for until, users, rate in self.stages:",
    "            if self.get_run_time() < until:",
    "                return users, rate",
    "        return None", "",
  ].join("\n");
}
