/* The budget of docs/benchmarks.md: gzipped bytes of the first load. */
import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMITS = { ".js": 92_000, ".css": 12_000 };
const sums = { ".js": 0, ".css": 0 };
for (const file of readdirSync("dist/assets")) {
  const kind = extname(file);
  if (kind in sums) sums[kind] += gzipSync(readFileSync(join("dist/assets", file)), { level: 9 }).length;
}
let isOver = false;
for (const [kind, sum] of Object.entries(sums)) {
  console.log(`${kind} ${sum} bytes gzip, at most ${LIMITS[kind]}`);
  isOver ||= sum > LIMITS[kind] || sum === 0;
}
process.exit(isOver ? 1 : 0);
