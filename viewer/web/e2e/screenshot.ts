import { resolve } from "node:path";
import { grant } from "./grant";
import { frames } from "./picture";
import { expect, test } from "./site";

// Made by a script from the running demo, so that the pictures never lie.
const docs = resolve(import.meta.dirname, "../../../docs");

test("the wall", async ({ page, site }) => {
  await expect(page.locator(".tile")).toHaveCount(site.cameras.length);
  for (const c of site.cameras) await frames(page.locator(`.tile[data-camera="${c.id}"] video`), 30);
  await page.screenshot({ path: `${docs}/wall.png` });
});

test("a session in review", async ({ page, site }) => {
  await grant(page, site, site.cameras[1]!.session);
  await page.goto(`/sessions/${site.cameras[1]!.session}`);
  await expect(page.locator(".facts")).toContainText(/kamera neatbild|zudis savienojums/, {
    timeout: 60_000,
  });
  await expect(page.locator(".transport")).toHaveAttribute("data-ready", "true");
  for (const v of await page.locator(".view video").all()) await frames(v, 60);
  await expect(page.getByText(/noslēgts \d/)).toHaveCount(2, { timeout: 120_000 });
  await page.screenshot({ path: `${docs}/review.png`, fullPage: true });
});

test("the audit log", async ({ page }) => {
  await page.goto("/audit");
  await page.getByRole("button", { name: "Pārbaudīt visu žurnālu" }).click();
  await expect(page.getByText("žurnāls ir vesels")).toBeVisible({ timeout: 60_000 });
  await page.screenshot({ path: `${docs}/audit.png` });
});
