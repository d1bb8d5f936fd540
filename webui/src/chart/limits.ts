/* The limits of thresholds on a canvas: a line with its words, and a ring at the second it was first broken. A limit that is far
 * above everything that is drawn is only named. */
import type uPlot from "uplot";
import { cssVar } from "../lib/theme";
import type { Limit } from "../verdict/limits";
import { font } from "./plot";

const RING_PX = 4.5;
const GAP_PX = 4;
const ROW_PX = 15;

function ring(plot: uPlot, second: number, y: number, color: string): void {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  const x = plot.valToPos(second, "x", true);
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.setLineDash([]);
  ctx.fillStyle = cssVar("--panel");
  ctx.strokeStyle = color;
  ctx.lineWidth = 2 * scale;
  ctx.beginPath();
  ctx.arc(x, y, RING_PX * scale, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
}

function drawn(plot: uPlot, limit: Limit, row: number): number {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio;
  const isAbove = limit.value > (plot.scales["y"]?.max ?? Infinity);
  const y = isAbove ? bbox.top : Math.round(plot.valToPos(limit.value, "y", true));
  const color = cssVar(limit.isBroken ? "--fail" : "--limit");
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.lineWidth = 1.5 * scale;
  if (!isAbove) {
    ctx.setLineDash([7 * scale, 4 * scale]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  const isNearTop = y - bbox.top < ROW_PX * scale;
  const text = `${isAbove ? "↑ " : ""}${limit.label}`;
  const x = isAbove ? bbox.left + GAP_PX * scale : bbox.left + bbox.width - GAP_PX * scale; // apart from lines that are near the top
  ctx.textAlign = isAbove ? "left" : "right";
  const at = isAbove ? y + (ROW_PX * row + GAP_PX) * scale : isNearTop ? y + GAP_PX * scale : y - GAP_PX * scale;
  ctx.textBaseline = isAbove || isNearTop ? "top" : "bottom";
  ctx.lineWidth = 3 * scale;
  ctx.setLineDash([]);
  ctx.strokeStyle = cssVar("--panel");
  ctx.strokeText(text, x, at); // the lines behind must not cross the words
  ctx.fillText(text, x, at);
  if (!isAbove && limit.turned !== null) ring(plot, limit.turned, y, color);
  return isAbove ? row + 1 : row;
}

export function drawLimits(limits: readonly Limit[]): (plot: uPlot) => void {
  return (plot) => {
    const { ctx } = plot;
    ctx.save();
    ctx.font = font(600).replace("12px", `${11 * devicePixelRatio}px`);
    let row = 0;
    for (const limit of limits) row = drawn(plot, limit, row);
    ctx.restore();
  };
}

/** Changes when they would be drawn otherwise. */
export const limitsKey = (limits: readonly Limit[]): string => limits.map(({ label, value, isBroken, turned }) => `${label} ${value} ${isBroken} ${turned}`).join("\n");
