import { defineConfig } from "vite";

export default defineConfig({
  root: "widget",
  build: {
    target: "es2022",
    // the styles use nothing newer than adopted style sheets; an older target only adds work-arounds
    cssTarget: "chrome123",
    outDir: "../dist",
    // start/ is built into the same folder
    emptyOutDir: false,
    lib: { entry: "src/main.ts", formats: ["iife"], name: "ReplikWidget", fileName: () => "widget.js" },
  },
});
