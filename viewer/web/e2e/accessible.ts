import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

/** Nothing that axe knows of is wrong, in the dark and in the light. */
export async function accessible(page: Page) {
  for (const colorScheme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme });
    const found = await new AxeBuilder({ page }).exclude("video").analyze();
    expect(
      found.violations.map((v) => `${colorScheme} ${v.id}: ${v.nodes.map((n) => n.html).join("; ")}`),
    ).toEqual([]);
  }
}
