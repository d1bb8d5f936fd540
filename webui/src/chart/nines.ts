/* The axis of shares of the requests: each step of it is one nine more. Pure. */
import type uPlot from "uplot";
import { axis } from "./plot";

const SPLITS: readonly [number, string][] = [[0, "min"], [Math.log10(2), "p50"], [1, "p90"], [2, "p99"], [3, "p99.9"], [4, "p99.99"], [5, "p99.999"]];
const LEAST_PX = 34; // so much room has the label of the least beside that of p50

/** Where percentile q is: 0 for 0, 1 for 90 %, 2 for 99 %. */
export function nines(q: number): number {
  return -Math.log10(1 - Math.min(q, 0.999999));
}

export function shareAxis(): uPlot.Axis {
  return axis({
    size: 28,
    splits: (plot) => SPLITS.map(([at]) => at).filter((at) => at <= (plot.scales["x"]!.max ?? 5) + 1e-9),
    values: (plot, ticks) => ticks.map((tick) => (tick === 0 && plot.valToPos(SPLITS[1]![0], "x") < LEAST_PX ? "" : SPLITS.find(([at]) => at === tick)?.[1] ?? "")),
  });
}
