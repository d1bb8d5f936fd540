/* The columns of each of the tables. */
import { count } from "../../lib/format";
import { shareText, valueText, type CountedRow, type Kind } from "./model";

export interface CountedColumn {
  key: string;
  label: string;
  title: string;
  text: (row: CountedRow) => string;
  isWarm?: (row: CountedRow) => boolean;
  /** Stays when there is little room. */
  isMain?: boolean;
}

const at = (row: CountedRow, key: string): number | null => row.numbers[key] ?? null;
const counted = (key: string, label: string, title: string, more: Partial<CountedColumn> = {}): CountedColumn => ({ key, label, title, text: (row) => count(at(row, key)), ...more });
const time = (key: string, label: string, title: string, more: Partial<CountedColumn> = {}): CountedColumn => ({ key, label, title, text: (row) => valueText(at(row, key), "ms"), ...more });
const value = (key: string, label: string, title: string, more: Partial<CountedColumn> = {}): CountedColumn => ({ key, label, title, text: (row) => valueText(at(row, key), row.unit), ...more });
const isMore = (key: string) => (row: CountedRow): boolean => (at(row, key) ?? 0) > 0;

const FAILED: CountedColumn = { key: "failed", label: "Failed", title: "Failed part", text: (row) => shareText(at(row, "failed")), isWarm: isMore("failed"), isMain: true };

export const COLUMNS: Record<Kind, readonly CountedColumn[]> = {
  checks: [
    { key: "held", label: "Held", title: "Part of the times that it held", text: (row) => shareText(at(row, "held")), isWarm: isMore("fails"), isMain: true },
    counted("fails", "Failed", "How often it did not hold", { isWarm: isMore("fails"), isMain: true }), counted("passes", "Passed", "How often it held"),
  ],
  groups: [
    counted("count", "Count", "How often it was gone through"), FAILED, time("mean", "Mean", "From its begin to its end, pauses included"), time("p50", "p50", "Half of them were faster"),
    time("p95", "p95", "95 % of them were faster", { isMain: true }), time("max", "Max", "The slowest"), time("busy", "Busy", "Mean time of the requests in it"), counted("cut", "Cut", "Ended by the end of the test"),
  ],
  metrics: [
    { key: "value", label: "Value", title: "Sum of a counter, latest of a gauge, true part of a rate, mean of a trend", text: (row) => (row.type === "rate" ? shareText(at(row, "value")) : valueText(at(row, "value"), row.unit)), isMain: true },
    counted("count", "Count", "Values"), value("min", "Min", "The least"), value("p50", "p50", "Half of the values are below"), value("p95", "p95", "95 % of the values are below"), value("max", "Max", "The most"),
  ],
  requests: [
    counted("count", "Requests", "Finished requests"), FAILED, time("mean", "Mean", "Mean response time"), time("p50", "p50", "Half of them were faster"),
    time("p95", "p95", "95 % of them were faster", { isMain: true }), time("p99", "p99", "99 % of them were faster"), time("max", "Max", "The slowest"),
  ],
};

export const DEFAULT_SORT: Record<Kind, string> = { checks: "-fails", groups: "-p95", metrics: "name", requests: "-p95" };
export const WORDS: Record<Kind, string> = { checks: "Checks", groups: "Groups", metrics: "Custom metrics", requests: "Requests by tags" };
export const NAMES: Record<Kind, string> = { checks: "Check", groups: "Group", metrics: "Metric", requests: "Requests" };
