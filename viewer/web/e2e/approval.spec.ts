import type { APIResponse, Page } from "@playwright/test";
import type { Incident } from "../src/lib/exam";
import type { Request } from "../src/lib/foureyes";
import { accessible } from "./accessible";
import { saysAll } from "./card";
import { enter } from "./people";
import { expect, test as base } from "./site";

// The page's own person may ask for everything; the demo's other person approves.
const test = base.extend<{ approver: Page }>({
  approver: async ({ browser, site }, use) => {
    const page = await enter(browser, site.url, site.approver.login, site.approver.password);
    await use(page);
    await page.context().close();
  },
});

async function made<T>(answer: Promise<APIResponse>): Promise<T> {
  const a = await answer;
  expect(a.status(), await a.text()).toBe(201);
  return (await a.json()) as T;
}

const ask = (page: Page, data: object) => made<Request>(page.request.post("/v1/requests", { data }));

/** Opens the requests as the approver, and finds the one. */
async function cardOf(page: Page, base: string, r: Request) {
  await page.goto(`${base}/requests`);
  const card = page.locator(`article[data-request="${r.id}"]`);
  await expect(card).toBeVisible();
  return card;
}

test("an approver reads which incident a grant is for, of what and until when", async ({
  page,
  site,
  approver,
}) => {
  const session = `/v1/exam-sessions/${site.session}`;
  const incident = await made<Incident>(
    page.request.post(`${session}/incidents`, {
      data: { kind: "phone", seat: 2, note: "telefons uz galda" },
    }),
  );
  const from = new Date(Date.now() - 4000).toISOString();
  const r = await ask(page, {
    kind: "grant",
    session_id: site.session,
    camera_ids: [site.cameras[0]!.id],
    from,
    to: new Date(Date.now() - 1000).toISOString(),
    until: new Date(Date.now() + 3_600_000).toISOString(),
    incident_id: incident.id,
    reason: "Incidenta izskatīšana",
  });
  const card = await cardOf(approver, site.url, r);
  await saysAll(card, r);
  await expect(card).toContainText("tālrunis, 2. sēdvieta");
  await accessible(approver);
});

test("an approver reads the roles and the sites, before and after", async ({ page, site, approver }) => {
  const login = `mara-${process.env["TEST_WORKER_INDEX"]}`;
  const user = await made<{ id: string }>(page.request.post("/v1/users", { data: { login, name: "Māra" } }));
  const me = (await (await page.request.get("/v1/me")).json()) as { site_ids: string[] };
  const r = await ask(page, {
    kind: "roles",
    user_id: user.id,
    roles: ["reviewer", "supervisor"],
    site_ids: me.site_ids,
    reason: "Pāriet uz citu darbu",
  });
  await saysAll(await cardOf(approver, site.url, r), r);
});

test("an approver reads every term of a policy, and that it shortens", async ({ page, site, approver }) => {
  const term = (months: number) => ({ months, days: 0 });
  const draft = (keep: number, retroactive: boolean) =>
    made<{ id: string; version: number }>(
      page.request.post("/v1/retention/policies", {
        data: {
          name: "eksameni",
          purpose: "Eksāmena norises pārbaude",
          legal_basis: "MK noteikumi Nr. 973",
          keep: term(keep),
          unanchored: term(12),
          warn_before: { months: 0, days: 14 },
          after_appeal: term(2),
          retroactive,
        },
      }),
    );
  const first = await draft(6, false);
  const r1 = await ask(page, { kind: "retention_policy", policy_id: first.id, reason: "Pirmā" });
  const one = await cardOf(approver, site.url, r1);
  await saysAll(one, r1);
  await expect(one).not.toContainText("Saīsina glabāšanu");
  await one.getByRole("button", { name: "Apstiprināt" }).click();
  await expect(one).toContainText("apstiprināts, vēl nav izmantots");
  expect((await page.request.post(`/v1/requests/${r1.id}/use`)).status()).toBe(200);

  const second = await draft(3, true);
  const r2 = await ask(page, { kind: "retention_policy", policy_id: second.id, reason: "Īsāka" });
  const card = await cardOf(approver, site.url, r2);
  await saysAll(card, r2);
  for (const text of [
    "3 mēnešus", // kept
    "12 mēnešu", // at most
    "14 dienu", // warned before
    "2 mēnešus", // after an appeal
    "arī ieraksti, kas noslēgti agrāk",
    "Termiņš kļūst īsāks, arī agrāk noslēgtiem ierakstiem",
  ])
    await expect(card).toContainText(text);
  await accessible(approver);
});

test("a client of the citizenship system is let in by two, its token said once", async ({
  page,
  site,
  approver,
}) => {
  const name = `pizis-${process.env["TEST_WORKER_INDEX"]}`;
  await page.goto("/admin/clients");
  await page.getByRole("button", { name: "Pieprasīt pilsonības sistēmas atslēgu" }).click();
  await page.getByLabel("Avots").fill(name);
  await page.getByLabel("paziņojumu lasīšana").uncheck();
  await page.getByLabel("Iemesls").fill("Jauna sistēma");
  const [answer] = await Promise.all([
    page.waitForResponse((r) => r.url().endsWith("/v1/requests") && r.request().method() === "POST"),
    page.getByRole("button", { name: "Pieprasīt pilsonības sistēmas atslēgu" }).click(),
  ]);
  const r = (await answer.json()) as Request;
  expect(r.asked.client?.scopes).toEqual(["push_event", "push_session"]);
  const card = await cardOf(approver, site.url, r);
  await saysAll(card, r);
  await accessible(approver);
  await card.getByRole("button", { name: "Apstiprināt" }).click();
  await page.getByRole("button", { name: "Izmantot" }).click();
  const dialog = page.getByRole("dialog", { name: `Klienta atslēga: ${name}` });
  const token = await dialog.locator("code").innerText();
  await dialog.getByRole("button", { name: "Esmu pierakstījis" }).click();
  await expect(page.locator(`tr[data-client="${name}"]`)).toContainText("pilsonības sistēma");
  const refused = await page.request.get(`${site.url}/v1/notices`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  expect(refused.status()).toBe(403); // known, and not in its scopes
});
