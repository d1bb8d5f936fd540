import { defineConfig } from "vitest/config";

// Relative addresses: the page works below any base path. No module preload script: the policy
// of the page allows files only.
export default defineConfig({
  base: "./",
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
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
});
