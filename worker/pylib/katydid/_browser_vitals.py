# SPDX-License-Identifier: MIT
"""Web vitals: what a page's own script measures of them, and the metrics they go into.

LCP, FCP and TTFB in ms since the navigation, INP in ms, CLS without a unit; the bounds of their ratings are web.dev's. The
names of the metrics are k6's."""

from .metrics import Trend

BOUNDS = {  # good up to, and poor above
    "ttfb": (800, 1800),
    "fcp": (1800, 3000),
    "lcp": (2500, 4000),
    "inp": (200, 500),
    "cls": (0.1, 0.25),
}


class Vitals:
    _trends = {}

    @classmethod
    def add(cls, page, values):
        for name, bounds in BOUNDS.items():
            value = values.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
                cls._trend(name).add(value, tags={"page": page, "rating": rating(value, bounds)})

    @classmethod
    def _trend(cls, name):
        trend = cls._trends.get(name)
        if trend is None:
            options = {"scale": 10000} if name == "cls" else {"unit": "ms"}
            trend = cls._trends[name] = Trend(f"browser_web_vital_{name}", **options)
        return trend


def rating(value, bounds):
    return "good" if value <= bounds[0] else "needs-improvement" if value <= bounds[1] else "poor"


# Runs in each document before its own scripts. LCP counts until the user does something, CLS is the worst burst of shifts that
# follow on one another within 1 s, 5 s at most; INP the longest interaction, of each 50 one left out. Nobody knows when a value is
# the last one, and what is said while a page is left does not arrive: so they are told whenever they have changed, at most
# every 100 ms, and when __katydid_flush() is called.
SCRIPT = """
(() => {
  if (window !== window.top || window.__katydid_flush) return;
  const id = performance.timeOrigin, tell = window.__katydid_tell;
  const seen = { lcp: null, cls: 0, fcp: null };
  let burst = 0, first = 0, last = 0, acted = false, shifts = false, timer = 0;
  const took = new Map();
  const watch = (type, each, more) => {
    try {
      new PerformanceObserver((list) => {
        list.getEntries().forEach(each);
        timer = timer || setTimeout(flush, 100);
      }).observe({ type, buffered: true, ...more });
      return true;
    } catch { return false; }
  };
  watch("paint", (e) => { if (e.name === "first-contentful-paint") seen.fcp = e.startTime; });
  watch("largest-contentful-paint", (e) => { if (!acted) seen.lcp = e.startTime; });
  shifts = (PerformanceObserver.supportedEntryTypes || []).includes("layout-shift") && watch("layout-shift", (e) => {
    if (e.hadRecentInput) return;
    if (burst && (e.startTime - last >= 1000 || e.startTime - first >= 5000)) burst = 0;
    if (!burst) first = e.startTime;
    burst += e.value;
    last = e.startTime;
    seen.cls = Math.max(seen.cls, burst);
  });
  const interaction = (e) => {
    if (e.interactionId) took.set(e.interactionId, Math.max(took.get(e.interactionId) || 0, e.duration));
  };
  watch("event", interaction, { durationThreshold: 16 });
  watch("first-input", interaction);
  for (const type of ["keydown", "click"])
    addEventListener(type, (e) => { if (e.isTrusted) acted = true; }, { capture: true, once: true });
  const navigation = () => performance.getEntriesByType("navigation")[0] || {};
  const flush = () => {
    clearTimeout(timer);
    timer = 0;
    const all = [...took.values()].sort((a, b) => b - a);
    tell({ what: "vitals", id, url: location.href, ttfb: navigation().responseStart || null, fcp: seen.fcp, lcp: seen.lcp,
           cls: shifts ? seen.cls : null, inp: all.length ? all[Math.floor(all.length / 50)] : null });
  };
  Object.defineProperty(window, "__katydid_flush", { value: flush });
  addEventListener("load", () => setTimeout(() => {
    const n = navigation();
    tell({ what: "load", id, url: location.href, load: n.loadEventEnd || performance.now(), length: n.transferSize || 0 });
  }));
})();
"""
