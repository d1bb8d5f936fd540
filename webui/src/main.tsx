import "./lib/language";
import { effect } from "@preact/signals";
import { render } from "preact";
import { App, shelf } from "./app";
import { source, store } from "./app-state";
import { IS_REPORT } from "./lib/build";
import { askWho } from "./live/who";
import { percent } from "./lib/format";
import { startRouting } from "./lib/route";
import { watchFocus } from "./lib/focus";
import { startKeys } from "./lib/keys";
import { startNarrow } from "./lib/narrow";
import { startTheme } from "./lib/theme";
import { titleWord } from "./verdict/state";
import { startUnseen } from "./frame/unseen";
import { startExtensions } from "./screens/extras/held";
import "uplot/dist/uPlot.min.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/screens.css";
import "./style/charts.css";
import "./style/samples.css";
import "./style/verdict.css";

const BEAT_MS = 250;
const IDLE_AT_LAST_MS = 5000;
const WITHOUT_IDLE_MS = 1000;

startTheme();
startNarrow();
startRouting();
startKeys();
watchFocus();
render(<App />, document.getElementById("app")!);

source.start();
if (!IS_REPORT) effect(() => void (source.link.value.kind === "lost" || source.link.value.kind === "connecting" ? askWho() : 0));
startExtensions();
startUnseen();
setInterval(() => source.beat(), BEAT_MS);
document.addEventListener("visibilitychange", () => source.setHidden(document.hidden));
addEventListener("online", () => source.retryNow());

/** Resolves when the page has nothing to do. */
const idle = (): Promise<void> =>
  new Promise((resolve) => {
    if ("requestIdleCallback" in globalThis) requestIdleCallback(() => resolve(), { timeout: IDLE_AT_LAST_MS });
    else setTimeout(resolve, WITHOUT_IDLE_MS); // Safari
  });

/* The other screens, when the first number is there: they open at once then, and without the master too. */
const stopFilling = effect(() => {
  if (store.run.value === null) return;
  void shelf.fill(idle);
  queueMicrotask(() => stopFilling());
});

/* For the budgets of the page: when the first number was on the screen. */
const stopMarking = effect(() => {
  if (store.run.value === null) return;
  requestAnimationFrame(() => performance.mark("katydid-first-number"));
  queueMicrotask(() => stopMarking());
});

effect(() => {
  const state = store.state.value;
  const kind = source.link.value.kind;
  const [, requests = 0, failures = 0] = store.total.value as number[];
  const failed = failures > 0 ? ` · ${percent(failures, requests)} % failed` : "";
  document.title = state === "" || state === "ready" ? "Katydid" : `${kind === "stale" || kind === "lost" ? "no connection" : `${titleWord.value}${state}${failed}`} · Katydid`;
});
