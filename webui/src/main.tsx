import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app";
import { source, store } from "./app-state";
import { percent } from "./lib/format";
import { startRouting } from "./lib/route";
import { startKeys } from "./lib/keys";
import { startNarrow } from "./lib/narrow";
import { startTheme } from "./lib/theme";
import { startExtensions } from "./screens/extras/held";
import "uplot/dist/uPlot.min.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/screens.css";
import "./style/charts.css";
import "./style/newtest.css";

const BEAT_MS = 250;

startTheme();
startNarrow();
startRouting();
startKeys();
render(<App />, document.getElementById("app")!);

source.start();
startExtensions();
setInterval(() => source.beat(), BEAT_MS);
document.addEventListener("visibilitychange", () => source.setHidden(document.hidden));
addEventListener("online", () => source.retryNow());

/* For the budgets of the page: when the first number was on the screen. */
const stopMarking = effect(() => {
  if (store.run.value === null) return;
  requestAnimationFrame(() => performance.mark("katydid-first-number"));
  queueMicrotask(() => stopMarking());
});

effect(() => {
  const state = store.state.value;
  const [, requests = 0, failures = 0] = store.total.value as number[];
  const failed = failures > 0 ? ` · ${percent(failures, requests)} % failed` : "";
  document.title = state === "" || state === "ready" ? "Katydid" : `${state}${failed} · Katydid`;
});
