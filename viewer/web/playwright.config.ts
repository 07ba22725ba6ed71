import { defineConfig } from "@playwright/test";

// A real Chromium against a running demo site: see e2e/demo.ts.
export default defineConfig({
  testDir: "e2e",
  globalSetup: "./e2e/demo.ts",
  workers: 1,
  retries: 0,
  timeout: 120_000,
  expect: { timeout: 15_000 }, // pages ask anew every 5 s
  forbidOnly: true,
  reporter: [["list"]],
  use: {
    locale: "lv-LV",
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--autoplay-policy=no-user-gesture-required",
      ],
    },
  },
});
