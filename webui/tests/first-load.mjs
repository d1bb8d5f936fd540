/* What the browser fetches before the page is of use: what index.html names, and what that imports at
 * once. Screens that are fetched later are none of it, nor is the script of the report file. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

export const LIMITS = { ".js": 92_000, ".css": 12_000 };

function importedAtOnce(dist, path, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  const text = readFileSync(join(dist, path), "utf8");
  for (const [, name] of text.matchAll(/(?:from|import)\s*"(\.[^"]+\.js)"/g)) importedAtOnce(dist, join(dirname(path), name), found);
  return found;
}

/** Paths below dist. */
export function firstLoad(dist) {
  const html = readFileSync(join(dist, "index.html"), "utf8");
  const named = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path]) => path);
  return [...new Set(named.flatMap((path) => (path.endsWith(".js") ? [...importedAtOnce(dist, path)] : [path])))];
}

/** Gzipped bytes by kind. */
export function weights(dist) {
  const sums = { ".js": 0, ".css": 0 };
  for (const path of firstLoad(dist)) {
    const kind = Object.keys(sums).find((suffix) => path.endsWith(suffix));
    if (kind !== undefined) sums[kind] += gzipSync(readFileSync(join(dist, path)), { level: 9 }).length;
  }
  return sums;
}
