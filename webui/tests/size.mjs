/* The budget of docs/benchmarks.md: gzipped bytes of the first load. */
import { LIMITS, weights } from "./first-load.mjs";

let isOver = false;
for (const [kind, sum] of Object.entries(weights("dist"))) {
  console.log(`${kind} ${sum} bytes gzip, at most ${LIMITS[kind]}`);
  isOver ||= sum > LIMITS[kind] || sum === 0;
}
process.exit(isOver ? 1 : 0);
