/* Inline line icons, 24 units, drawn with the colour of the text around them. */
import type { JSX } from "preact";
import { IS_REPORT } from "../lib/build";

/** Of what only a master's page can do: a report file has none of them. */
const OWN_PATHS = {
  extras: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM16.5 13v7M13 16.5h7",
  new: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8v8M8 12h8",
  stop: "M7 7h10v10H7z",
  edit: "M4 20h4L19 9l-4-4L4 16zM13.5 6.5l4 4",
  reset: "M4 4v5h5M4.6 15a8 8 0 1 0 1-8L4 9",
  play: "M7 4.5v15l12-7.5z",
  runs: "M4 5h16M4 12h16M4 19h16M8 3v4m8 3v4m-5 3v4",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  pause: "M8 5v14M16 5v14",
  flag: "M6 21V4h11l-2 4 2 4H6",
  report: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
} as const;
const SHARED_PATHS = {
  live: "M3 12h4l3-8 4 16 3-8h4",
  load: "M3 20h5v-6h5V9h5V4h3",
  verdict: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6zM8.5 12l2.5 2.5 4.5-5",
  metrics: "M4 19V9m5.3 10V4m5.4 15v-8M20 19v-5",
  endpoints: "M4 6h16M4 12h16M4 18h10",
  failures: "M12 4 2.5 20h19L12 4zm0 6v4m0 3v.2",
  workers: "M4 5h16v6H4zM4 13h16v6H4zM8 8h.1M8 16h.1",
  logs: "M5 4h14v16H5zM8 8h8M8 12h8M8 16h5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2m0 16v2M4.9 4.9l1.4 1.4m11.4 11.4 1.4 1.4M2 12h2m16 0h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  system: "M3 5h18v11H3zM9 20h6m-3-4v4",
  help: "M9 9a3 3 0 1 1 4 2.8c-.7.3-1 .8-1 1.7m0 3v.2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  close: "M6 6l12 12M18 6 6 18",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 21 21",
  table: "M4 5h16v14H4zM4 10h16M4 14.5h16M10 5v14",
  chart: "M4 4v16h16M7 15l4-5 3 3 5-7",
  download: "M12 4v11m-4-4 4 4 4-4M5 20h14",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  left: "M15 6l-6 6 6 6",
  right: "M9 6l6 6-6 6",
  more: "M12 5v1M12 11.5v1M12 18v1",
  link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1m2 3.7a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  plus: "M12 6v12M6 12h12",
  minus: "M6 12h12",
  columns: "M4 5h16v14H4zM10 5v14M15 5v14",
  follow: "M4 12h12m-5-5 5 5-5 5M20 5v14",
} as const;
export type IconName = keyof typeof SHARED_PATHS | keyof typeof OWN_PATHS;
const PATHS: Partial<Record<IconName, string>> = IS_REPORT ? SHARED_PATHS : { ...SHARED_PATHS, ...OWN_PATHS };

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Brand(): JSX.Element {
  return (
    <svg class="brand-mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path class="brand-leaf" d="M3 19C3 9.5 9 4 21 3c-.6 11.5-6 17-14.5 17-.9 0-1.7-.2-2.3-.4" />
      <path class="brand-vein" d="M3 21.5C6 15 10 11 16 8" />
    </svg>
  );
}
