import { expect, test as base } from "@playwright/test";
import { ready, type Ready } from "./demo";
import { installReader } from "./picture";

/** A test with the demo site's data, and a page that is signed in. */
export const test = base.extend<{ site: Ready }>({
  // eslint-style empty pattern is what Playwright asks for here
  site: async ({}, use) => use(ready()),
  baseURL: async ({ site }, use) => use(site.url),
  page: async ({ page, site }, use) => {
    await installReader(page);
    await page.goto(site.url);
    await page.getByLabel("Lietotājvārds").fill(site.login);
    await page.getByLabel("Parole").fill(site.password);
    await page.getByRole("button", { name: "Pierakstīties" }).click();
    await expect(page.getByRole("link", { name: "Tiešraide" })).toBeVisible();
    await use(page);
  },
});

export { expect };
