/* The colour ramp of the heatmap: 64 steps from dark blue over grey to yellow, whose lightness
 * rises evenly, so that it reads the same for every kind of sight. On light ground it runs the
 * other way: the most is always furthest from the ground. */

const ANCHORS: [number, number, number][] = [
  [0, 32, 77], [38, 56, 102], [75, 78, 107], [107, 105, 112], [140, 133, 113], [176, 164, 102], [213, 197, 80], [255, 233, 69],
];
export const RAMP_STEPS = 64;

export type Rgb = [number, number, number];

export function rampColor(part: number): Rgb {
  const at = Math.min(1, Math.max(0, part)) * (ANCHORS.length - 1);
  const low = Math.min(ANCHORS.length - 2, Math.floor(at));
  const rest = at - low;
  return [0, 1, 2].map((i) => Math.round(ANCHORS[low]![i]! + (ANCHORS[low + 1]![i]! - ANCHORS[low]![i]!) * rest)) as Rgb;
}

const FADED = 0.55; // how much of a light ground is in the first step: one request is no alarm
const FADED_STEPS = 24;

function faded(color: Rgb, step: number): Rgb {
  const ground = FADED * Math.max(0, 1 - step / FADED_STEPS);
  return color.map((part) => Math.round(part + (255 - part) * ground)) as Rgb;
}

/** isDark: of the ground. */
export function rampTable(isDark: boolean): Rgb[] {
  return Array.from({ length: RAMP_STEPS }, (_, i) => {
    const part = 0.12 + (0.88 * i) / (RAMP_STEPS - 1);
    return isDark ? rampColor(part) : faded(rampColor(1 - part), i);
  });
}

/** Which step a count has, on a logarithmic scale from 1 to max. */
export function rampStep(count: number, max: number): number {
  if (max <= 1) return RAMP_STEPS - 1;
  return Math.min(RAMP_STEPS - 1, Math.floor((Math.log(count) / Math.log(max)) * (RAMP_STEPS - 1)));
}
