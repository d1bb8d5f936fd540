/* Colours of lines can be told apart by everybody and seen on their ground. */
import { describe, expect, it } from "vitest";
import { RAMP_STEPS, rampStep, rampTable } from "../../src/chart/ramp";
import css from "../../src/style/tokens.css?raw";

type Rgb = [number, number, number];
const [light, system, dark] = [css.split("@media")[0]!, css.split("@media")[1]!.split(':root[data-theme="dark"]')[0]!, css.split(':root[data-theme="dark"]')[1]!];
const SERIES = ["--s1", "--s2", "--s3", "--s4", "--s5", "--s6"];

function color(block: string, name: string): Rgb {
  const text = new RegExp(`${name}: #([0-9a-f]{6});`).exec(block)?.[1];
  if (text === undefined) throw new Error(`no ${name}`);
  return [0, 2, 4].map((i) => parseInt(text.slice(i, i + 2), 16)) as Rgb;
}

const linear = (value: number): number => (value <= 10.31475 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
const luminance = (rgb: Rgb): number => 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/* Machado et al. 2009, severity 1, on linear light. */
const SIGHT: Record<string, number[]> = {
  normal: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protan: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deutan: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritan: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
};

function lab(rgb: Rgb, m: number[]): Rgb {
  const l = rgb.map(linear);
  const [r, g, b] = [0, 3, 6].map((i) => Math.min(1, Math.max(0, m[i]! * l[0]! + m[i + 1]! * l[1]! + m[i + 2]! * l[2]!))) as Rgb;
  const f = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
  const y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
const distance = (a: Rgb, b: Rgb): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

describe.each([["light", light], ["dark", dark]])("the %s palette", (_, block) => {
  it("is seen on its ground", () => {
    for (const name of SERIES) expect(contrast(color(block, name), color(block, "--panel")), name).toBeGreaterThanOrEqual(3.4);
  });
  it.each(Object.keys(SIGHT))("can be told apart with %s sight", (sight) => {
    for (const [i, a] of SERIES.entries())
      for (const b of SERIES.slice(i + 1))
        expect(distance(lab(color(block, a), SIGHT[sight]!), lab(color(block, b), SIGHT[sight]!)), `${a} ${b}`).toBeGreaterThanOrEqual(20);
  });
});

it("is the same whether the system or the person chose dark", () => {
  for (const name of [...SERIES, "--panel", "--ink", "--ok", "--failed", "--p50", "--p95", "--p99"]) expect(color(system, name)).toEqual(color(dark, name));
});

describe("the ramp of the heatmap", () => {
  it.each([[true], [false]])("moves steadily away from the ground (dark: %s)", (isDark) => {
    const steps = rampTable(isDark).map(luminance);
    for (let i = 1; i < RAMP_STEPS; i++) expect(isDark ? steps[i]! >= steps[i - 1]! : steps[i]! <= steps[i - 1]!).toBe(true);
  });
  it.each([[true, "dark"], [false, "light"]])("begins near its ground: one request is no alarm (dark: %s)", (isDark) => {
    expect(contrast(rampTable(isDark)[0]!, color(isDark ? dark : light, "--panel"))).toBeLessThan(1.5);
  });
  it("has its ends at one and at the most", () => {
    expect([rampStep(1, 1000), rampStep(1000, 1000), rampStep(1, 1)]).toEqual([0, RAMP_STEPS - 1, RAMP_STEPS - 1]);
  });
});
