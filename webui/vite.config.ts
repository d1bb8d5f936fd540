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
  },
  test: {
    include: ["tests/unit/**/*.test.{ts,tsx}"],
    environment: "node",
    css: true, // the palette is tested as the style has it
  },
});
