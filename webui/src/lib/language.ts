/* Imported before anything else: a Chromium whose environment has LANG=C may call its language "en-US@posix", which is no
   language tag. uPlot hands it to Intl.NumberFormat as it is loaded, which throws: the page would stay empty. */

try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en-US" });
}
