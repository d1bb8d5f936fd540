import { defineConfig } from "vitest/config";

// Two builds of the same page: what a master serves, in parts that are loaded when they are needed, and
// the one script of a report file (mode "report"), which nobody can serve parts of.
//
// Relative addresses: the page works below any base path. No module preload script: the policy
// of the page allows files only.
const SERVED = { rollupOptions: { output: { experimentalMinChunkSize: 8000 } } }; // characters: a file of its own costs a request
const REPORT = {
  emptyOutDir: false,
  rollupOptions: {
    input: "src/main.tsx",
    output: { inlineDynamicImports: true, entryFileNames: "assets/report-[hash].js", assetFileNames: "assets/report-[hash][extname]" },
  },
};
/* Styles stay in a build even when the code that asked for them does not. */
const WITHOUT_MASTERS_STYLES = {
  name: "without-masters-styles",
  enforce: "pre" as const,
  load: (id: string) => (/\/style\/(newtest|runs|grips)\.css$/.test(id) ? "" : null),
};

export default defineConfig(({ mode }) => ({
  base: "./",
  plugins: mode === "report" ? [WITHOUT_MASTERS_STYLES] : [],
  build: {
    ...(mode === "report" ? REPORT : SERVED),
    target: "es2022",
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    minify: "terser", // a twentieth smaller than esbuild's
    terserOptions: { compress: { passes: 2, pure_getters: false } }, // reading a signal is an effect
  },
  test: {
    include: ["tests/unit/**/*.test.{ts,tsx}"],
    environment: "node",
    css: true, // the palette is tested as the style has it
  },
}));
