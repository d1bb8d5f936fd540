/* A report file of the run on the page, when the master that could make one is gone: the file of the
 * new master, with what this page has in the place of its figures. Histograms are not among it, so
 * the report has the whole run and its course, and no other ranges of the endpoints. */
import { columnsOf, type Tick } from "./protocol";
import { REPORT_VERSION, type Report } from "./report-block";
import type { Store } from "./store";

const BLOCK = /(<script[^>]*id="katydid-report"[^>]*>)[^<]*(<\/script>)/;

function heldReport(store: Store, now: number): Report {
  const run = store.run.peek()!;
  const { rows, series } = store;
  const order = columnsOf(rows.columns);
  const number = (value: number): number | null => (Number.isNaN(value) ? null : value);
  const points = Array.from(series.seconds, (_, i) => series.point(i));
  const tick: Tick = {
    ...(run as Tick), type: "tick", since: 0, columns: rows.columns, total: store.total.peek(), first_second: 0, points: [],
    defs: rows.ids.map((id, slot) => [id, rows.methods[slot]!, rows.names[slot]!]),
    rows: rows.ids.map((_, slot) => order.map((column) => number(rows.get(slot, column)))),
    failures: store.failures.peek(), exceptions: store.exceptions.peek(), classes: store.classes.peek(), events: 0,
  };
  return {
    version: REPORT_VERSION, made_at: now, from: Math.floor(run.started), to: Math.ceil(run.ended), hist_rule: { sub_bits: 7 },
    hello: { ...store.hello.peek()!, ...run, type: "hello" }, tick, series: { step: series.step, columns: [], points },
    rows_run: { columns: [], rows: [] }, rows_windows: { step: 1, columns: [], rows: [] }, failures: [], failures_windows: { step: 1, rows: [] },
    exceptions: [], workers_series: { step: 1, points: [] }, events: [], saturated: [], script: null, samples: null, logs: null,
  };
}

async function packed(report: Report): Promise<string> {
  const stream = new Blob([JSON.stringify(report)]).stream().pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

export async function saveHeld(store: Store): Promise<void> {
  const answer = await fetch(new URL("api/v1/report", document.baseURI));
  if (!answer.ok) throw new Error(`the master answered ${answer.status}`);
  const shell = await answer.text();
  const block = await packed(heldReport(store, Date.now() / 1000));
  if (!BLOCK.test(shell)) throw new Error("the master's file has no place for figures");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([shell.replace(BLOCK, (_, head: string, tail: string) => `${head}${block}${tail}`)], { type: "text/html" }));
  link.download = "Katydid_last_run_report.html";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
