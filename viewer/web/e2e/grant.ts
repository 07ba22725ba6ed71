import { expect, type Page, request } from "@playwright/test";
import type { Ready } from "./demo";

/** Has the page's person ask for the whole of a session, the demo's approver approve it, and begins. */
export async function grant(page: Page, site: Ready, session: string) {
  const data = {
    kind: "grant",
    session_id: session,
    purpose: "data_subject",
    reason: "Demonstrācija",
    until: new Date(Date.now() + 3_600_000).toISOString(),
  };
  const asked = await page.request.post("/v1/requests", { data });
  expect(asked.status(), await asked.text()).toBe(201);
  const { id, digest } = (await asked.json()) as { id: string; digest: string };
  const approver = await request.newContext({ baseURL: site.url });
  expect((await approver.post("/v1/sign-in", { data: site.approver })).status()).toBe(200);
  const said = await approver.post(`/v1/requests/${id}/approval`, { data: { digest } });
  expect(said.status(), await said.text()).toBe(200);
  await approver.dispose();
  const used = await page.request.post(`/v1/requests/${id}/use`);
  expect(used.status(), await used.text()).toBe(200);
}
