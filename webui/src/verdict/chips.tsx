/* The verdict as the first thing of the state bar: a word, and the thresholds that are broken. */
import type { JSX } from "preact";
import { store } from "../app-state";
import { linkTo } from "../lib/route";
import { judged, standing } from "./state";
import { byUrgency, titleOf, valueWords } from "./words";

const CHIPS_MOST = 3;

/** null: there is nothing that must be seen. */
export function verdictPart(): { tone: "quiet" | "fail" | "warn"; text: JSX.Element } | null {
  const [now, all] = [standing.value, judged.value];
  if (now === null || all === null || all.thresholds.length === 0 || !store.hasRun.value) return null;
  const broken = byUrgency(all.thresholds.filter((one) => one.failed));
  if (broken.length === 0 && !all.over) return null;
  const tone = now.tone === "fail" ? "fail" : now.tone === "warn" ? "warn" : "quiet";
  return {
    tone,
    text: (
      <>
        <a class={`verdict-word ${now.tone}`} href={linkTo("verdict")}>{now.word}</a>{" "}
        {broken.length === 0 ? now.why : `${broken.length} of ${all.thresholds.length}`}{" "}
        {broken.slice(0, CHIPS_MOST).map((one) => (
          <a key={`${one.source} ${one.text}`} class="gate-chip" href={linkTo("verdict")} title={titleOf({ name: null, text: one.text })}>{titleOf(one)} <b>{one.state === "no data" ? "no data" : valueWords(one.shown)}</b></a>
        ))}
        {broken.length > CHIPS_MOST ? <a class="gate-chip" href={linkTo("verdict")}>and {broken.length - CHIPS_MOST} more</a> : null}
      </>
    ),
  };
}
