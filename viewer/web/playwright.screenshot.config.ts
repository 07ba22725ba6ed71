import config from "./playwright.config";

// `npm run screenshot`: the README's pictures, from a running demo.
export default {
  ...config,
  testMatch: "screenshot.ts",
  use: { ...config.use, colorScheme: "dark" as const },
};
