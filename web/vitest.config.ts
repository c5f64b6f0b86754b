import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { environment: "jsdom", include: ["widget/tests/**/*.test.ts", "start/tests/**/*.test.ts"] },
});
