/* Names of metrics and groups that something was counted in. */
import { source } from "../app-state";
import type { Names } from "./suggest";

export async function namesOfSeries(): Promise<Pick<Names, "metrics" | "groups">> {
  const { series } = await source.queries.metrics(null);
  const groups = series.filter(({ metric }) => metric === "group_duration").map(({ tags }) => tags["group"] ?? "");
  const checks = series.filter(({ metric }) => metric === "checks").map(({ tags }) => `checks{check:${tags["check"]}}`);
  const metrics = series.filter(({ metric }) => !metric.startsWith("group_") && !metric.startsWith("http_req_")).map(({ metric }) => metric);
  return { metrics: [...new Set([...metrics, ...checks])], groups: [...new Set(groups)] };
}
