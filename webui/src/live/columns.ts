/* Written by setup/columns.py from common/metric/columns.def: change that. */

/** Where what is in a row of the endpoints. */
export const ROW = {
  id: 0, requests: 1, failures: 2, cut: 3, rps: 4, failRps: 5, mean: 6, min: 7, max: 8, median: 9, p50: 10, p90: 11, p95: 12, p99: 13, p999: 14, totalRps: 15, totalFailRps: 16, meanBytes: 17, p75: 18, s0: 19, s2: 20, s3: 21, s4: 22, s5: 23, sent: 24, received: 25, discarded: 26, resent: 27, waitP50: 28, waitP90: 29, waitP95: 30, waitP99: 31, correctedP50: 32, correctedP90: 33, correctedP95: 34, correctedP99: 35,
} as const;
export const ROW_WIDTH = 36;

/** Where what is in a row of a report's window. */
export const WIN = {
  from: 0, to: 1, id: 2, count: 3, failed: 4, sumUs: 5, hist: 6, failedHist: 7, minUs: 8, maxUs: 9, none: 10, cut: 11, bytes: 12, s0: 13, s1: 14, s2: 15, s3: 16, s4: 17, s5: 18, sent: 19, received: 20, phased: 21, queue: 22, dns: 23, connect: 24, tls: 25, send: 26, wait: 27, receive: 28, discarded: 29, resent: 30, waitHist: 31, correctedHist: 32,
} as const;
/** Of these: sums, and histograms. */
export const SUMS = [3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30];
export const HISTS = [6, 7, 31, 32];

/** Columns of a row that are sums of a window, and percentiles of its histograms. */
export const COUNTS: readonly [number, number][] = [
  [1, 3],
  [2, 4],
  [3, 11],
  [19, 13],
  [20, 15],
  [21, 16],
  [22, 17],
  [23, 18],
  [24, 19],
  [25, 20],
  [26, 29],
  [27, 30],
];
export const QUANTILES: readonly [number, number, number][] = [
  [10, 6, 0.5],
  [11, 6, 0.9],
  [12, 6, 0.95],
  [13, 6, 0.99],
  [14, 6, 0.999],
  [18, 6, 0.75],
  [28, 31, 0.5],
  [29, 31, 0.9],
  [30, 31, 0.95],
  [31, 31, 0.99],
  [32, 32, 0.5],
  [33, 32, 0.9],
  [34, 32, 0.95],
  [35, 32, 0.99],
];

export type Unit = "count" | "ms" | "rate" | "bytes";
/** What the endpoints table can show: column, key, label, title, unit, width. */
export const TABLE: readonly [number, string, string, string, Unit, number][] = [
  [1, "requests", "Requests", "Finished requests, failed ones included", "count", 104],
  [2, "failures", "Failed", "Failed requests", "count", 80],
  [3, "cut", "Cut", "Ended by the end of the test before an answer: neither requests nor failures", "count", 72],
  [4, "rps", "Req/s", "Requests per second: now, or on average over the selection", "rate", 70],
  [5, "failRps", "Fails/s", "Failures per second", "rate", 68],
  [6, "mean", "Mean", "Mean response time, ms", "ms", 62],
  [7, "min", "Min", "Fastest, ms", "ms", 62],
  [8, "max", "Max", "Slowest, ms", "ms", 62],
  [10, "p50", "p50", "Half of the requests were faster, ms", "ms", 62],
  [11, "p90", "p90", "90 % of the requests were faster, ms", "ms", 62],
  [12, "p95", "p95", "95 % of the requests were faster, ms", "ms", 62],
  [13, "p99", "p99", "99 % of the requests were faster, ms", "ms", 62],
  [14, "p999", "p99.9", "99.9 % of the requests were faster, ms", "ms", 62],
  [15, "totalRps", "Mean req/s", "Requests per second over the whole range", "rate", 84],
  [18, "p75", "p75", "75 % of the requests were faster, ms", "ms", 62],
  [19, "s0", "No answer", "No answer came: refused, reset, timed out", "count", 80],
  [22, "s4", "4xx", "Answers with a status of 400 to 499", "count", 68],
  [23, "s5", "5xx", "Answers with a status of 500 to 599", "count", 68],
  [26, "discarded", "Discarded", "Answered, but the task raised or ended before it judged the answer: neither requests nor failures", "count", 84],
  [27, "resent", "Resent", "Sent again, because the connection was closed before an answer: neither requests nor failures", "count", 72],
  [28, "waitP50", "Wait p50", "From the last byte sent to the first byte of the answer: half of the requests waited less, ms", "ms", 72],
  [29, "waitP90", "Wait p90", "90 % of the requests waited less for the first byte, ms", "ms", 72],
  [30, "waitP95", "Wait p95", "95 % of the requests waited less for the first byte, ms", "ms", 72],
  [31, "waitP99", "Wait p99", "99 % of the requests waited less for the first byte, ms", "ms", 72],
  [32, "correctedP50", "Corr. p50", "From when the iteration was to start: half of the requests were faster, ms", "ms", 76],
  [33, "correctedP90", "Corr. p90", "From when the iteration was to start: 90 % of the requests were faster, ms", "ms", 76],
  [34, "correctedP95", "Corr. p95", "From when the iteration was to start: 95 % of the requests were faster, ms", "ms", 76],
  [35, "correctedP99", "Corr. p99", "From when the iteration was to start: 99 % of the requests were faster, ms", "ms", 76],
];
