/* A report and what the master itself answered about the same run (tests/vectors/report.json, written by
 * tests/unit/master/web/test_report_vectors.c): the page that reads the report gives these answers. */
import { describe, expect, it } from "vitest";
import { FileQueries } from "../../src/live/file-queries";
import type { Report } from "../../src/live/report-block";
import vectors from "../../../tests/vectors/report.json";

interface Ask {
  of: string;
  from: number;
  to: number;
  id: number;
  depth: number;
  answer: Record<string, unknown>;
}

const { report, answers } = vectors as unknown as { report: Report; answers: Ask[] };
const queries = new FileQueries(report);

/** As the master writes numbers: three decimals. */
function written(value: unknown): unknown {
  if (typeof value === "number") return Math.round(value * 1000) / 1000 || 0;
  if (Array.isArray(value)) return value.map(written);
  if (value !== null && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, written(part)]));
  return value;
}

/** What is looked at of an answer; the rest says whose answer it is. */
function part(answer: object, keys: string[]): unknown {
  return written(Object.fromEntries(keys.map((key) => [key, (answer as Record<string, unknown>)[key]])));
}

const KEYS: Record<string, string[]> = {
  range: ["from", "to", "total", "rows", "workers", "failures", "valid", "saturated"],
  groups: ["from", "to", "rows", "groups"],
  distribution: ["count", "failed", "buckets", "curve", "ci95"],
  heatmap: ["from", "bounds_ms", "cells", "max"],
};

async function answered({ of, from, to, id, depth }: Ask): Promise<object> {
  if (of === "range") return queries.range(from, to);
  if (of === "groups") return queries.groups(from, to, depth);
  if (of === "distribution") return queries.distribution(from, to, id);
  return queries.heatmap(from, to, id);
}

describe("the page that reads a report answers as the master", () => {
  it.each(answers.filter(({ of }) => of in KEYS).map((ask) => [`${ask.of} ${ask.from} to ${ask.to}, row ${ask.id}, depth ${ask.depth}`, ask] as const))(
    "%s", async (_name, ask) => {
      expect(part(await answered(ask), KEYS[ask.of]!)).toEqual(part(ask.answer, KEYS[ask.of]!));
    });

  it.each(answers.filter(({ of }) => of === "failures").map((ask) => [`failures ${ask.from} to ${ask.to}`, ask] as const))("%s", async (_name, { from, to, answer }) => {
    expect(written(await queries.failures(from, to))).toEqual(written(answer));
  });

  it.each(answers.filter(({ of }) => of === "series").map((ask) => [`series of row ${ask.id}`, ask] as const))("%s", async (_name, { from, to, id, answer }) => {
    const table = await queries.series({ from, to, id });
    const points = answer["points"] as (number | null)[][];
    for (const [i, name] of (answer["columns"] as string[]).entries()) {
      if (["lag", "cpu"].includes(name)) continue; // of a worker, not of a row
      expect([name, written(table.column(i))]).toEqual([name, points.map((point) => point[i])]);
    }
  });
});
