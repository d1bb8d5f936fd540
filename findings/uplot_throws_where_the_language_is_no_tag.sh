#!/usr/bin/env bash
# uPlot 1.6.32: the module throws as it is loaded where navigator.language is no language tag.
#
# A Chromium whose environment has LANG=C may call its language "en-US@posix". uPlot hands it to
# Intl.NumberFormat at the top of its module, outside any function: the import fails, and with it every
# page that imports uPlot, before a line of its own code has run. A page can only put another language
# in the place of navigator.language before it imports uPlot.
#
# Output seen:
#   en-US: loaded
#   en-US@posix: RangeError: Incorrect locale information provided
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund uplot@1.6.32 >/dev/null
cat >try.cjs <<'JS'
// As little of a browser as the module touches while it is loaded.
const [language] = process.argv.slice(2);
globalThis.window = { devicePixelRatio: 1, addEventListener() {}, matchMedia: () => ({ addEventListener() {} }), dispatchEvent() {} };
globalThis.document = { addEventListener() {} };
globalThis.devicePixelRatio = 1;
globalThis.matchMedia = window.matchMedia;
Object.defineProperty(globalThis, "navigator", { value: { language }, configurable: true });
try {
  require("uplot");
  console.log(`${language}: loaded`);
} catch (error) {
  console.log(`${language}: ${error.name}: ${error.message}`);
}
JS
node try.cjs en-US
node try.cjs en-US@posix
