/* The verdict on the measurement itself: when our own processes were too busy to measure. */
import type { JSX } from "preact";
import { timespan } from "../lib/format";
import { advice, invalidSeconds, invalidWords, spansIn } from "../live/health";
import type { InvalidSpan } from "../live/judged";
import { span } from "../range/state";
import { timeText } from "../range/time";
import { invalid } from "../verdict/state";
import { Status } from "./status";

const HOUR_S = 3600;

/** "12s": for how long the range is not valid; "": it is. */
export function invalidFor(): string {
  const { from, to } = span.value;
  const seconds = invalidSeconds(invalid.value, from, to);
  return seconds > 0 ? timespan(seconds < HOUR_S ? Math.max(1, Math.round(seconds)) : Math.round(seconds / 60) * 60) : "";
}

export const invalidNow = (): InvalidSpan[] => spansIn(invalid.value, span.value.from, span.value.to);

export function InvalidWords(): JSX.Element {
  const inside = invalidNow();
  return (
    <>
      <Status tone="warn">{`Not valid for ${invalidFor()} of this range:`}</Status>{" "}
      {invalidWords(inside, timeText)}. Response times measured then may be ours, not the server’s; shaded in the charts. {advice(inside.map(([, , , , why]) => why))}
    </>
  );
}
