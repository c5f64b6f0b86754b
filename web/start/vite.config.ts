import { defineConfig } from "vite";

export default defineConfig({
  root: "start",
  base: "/start/",
  build: {
    target: "es2022",
    outDir: "../dist/start",
    emptyOutDir: true,
    // the page's CSP has no room for inlined scripts
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
});
