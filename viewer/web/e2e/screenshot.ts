import { resolve } from "node:path";
import { grant } from "./grant";
import { enter } from "./people";
import { frames } from "./picture";
import { expect, test } from "./site";

// Made by a script from the running demo, so that the pictures never lie.
const docs = resolve(import.meta.dirname, "../../../docs");

test("the wall", async ({ page, site }) => {
  await expect(page.locator(".tile")).toHaveCount(site.cameras.length);
  for (const c of site.cameras) await frames(page.locator(`.tile[data-camera="${c.id}"] video`), 30);
  await page.screenshot({ path: `${docs}/wall.png` });
});

test("what an approver reads", async ({ page, site, browser }) => {
  const session = `/v1/exam-sessions/${site.session}`;
  const data = { kind: "phone", seat: 7, note: "telefons zem galda" };
  const incident = await page.request.post(`${session}/incidents`, { data });
  expect(incident.status(), await incident.text()).toBe(201);
  const { id, at } = (await incident.json()) as { id: string; at: string };
  const around = (seconds: number) => new Date(Date.parse(at) + seconds * 1000).toISOString();
  const asked = await page.request.post("/v1/requests", {
    data: {
      kind: "grant",
      session_id: site.session,
      incident_id: id,
      from: around(-5),
      to: around(0),
      until: around(7 * 24 * 3600),
      reason: "Jāsaprot, vai pretendents lietoja tālruni",
    },
  });
  expect(asked.status(), await asked.text()).toBe(201);
  const approver = await enter(browser, site.url, site.approver.login, site.approver.password);
  await approver.emulateMedia({ colorScheme: "dark" });
  await approver.setViewportSize({ width: 1440, height: 560 });
  await approver.goto(`${site.url}/requests`);
  await expect(approver.getByRole("button", { name: "Apstiprināt" })).toBeVisible();
  await approver.screenshot({ path: `${docs}/request.png` });
  await approver.context().close();
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
