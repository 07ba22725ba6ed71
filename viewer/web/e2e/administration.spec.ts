import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { accessible } from "./accessible";
import { addPerson, enter } from "./people";
import { expect, test as base } from "./site";

const password = "trīs baltas kazas";
const n = process.env["TEST_WORKER_INDEX"];
const test = base.extend<{ admin: Page; approver: Page; security: Page }>({
  admin: async ({ browser, site }, use) =>
    person(await enter(browser, site.url, `aivis-${n}`, password), use),
  approver: async ({ browser, site }, use) =>
    person(await enter(browser, site.url, `anna-a-${n}`, password), use),
  security: async ({ browser, site }, use) =>
    person(await enter(browser, site.url, `sarma-${n}`, password), use),
});

async function person(page: Page, use: (p: Page) => Promise<void>) {
  await use(page);
  await page.context().close();
}

test.beforeAll(() => {
  addPerson(`aivis-${n}`, "admin", password);
  addPerson(`anna-a-${n}`, "approver", password);
  addPerson(`sarma-${n}`, "security", password);
});

/** Reads what the server says once, and puts it away. */
async function once(page: Page): Promise<string> {
  const dialog = page.getByRole("dialog").filter({ hasText: "Serveris to parāda tikai vienreiz." });
  await expect(dialog).toBeVisible();
  const value = await dialog.locator("code").innerText();
  await page.keyboard.press("Escape"); // a slip of the finger
  await expect(dialog).toBeVisible();
  await accessible(page);
  await dialog.getByRole("button", { name: "Esmu pierakstījis" }).click();
  await expect(dialog).toBeHidden();
  return value;
}

const about = (page: Page, fact: string) =>
  page
    .locator(".request-facts > div")
    .filter({ has: page.getByText(fact, { exact: true }) })
    .locator("dd");

test("an account begins without roles and gets them by another's approval", async ({
  admin,
  approver,
  browser,
  site,
}) => {
  const login = `jauna-${n}`;
  await admin.goto(`${site.url}/admin/users`);
  await admin.getByRole("button", { name: "Pievienot lietotāju" }).click();
  await admin.getByLabel("Lietotājvārds").fill(login);
  await admin.getByLabel("Nosaukums").fill("Jauna uzraudze");
  await admin.getByRole("button", { name: "Pievienot lietotāju" }).click();
  const first = await once(admin);
  const row = admin.locator(`[data-user="${login}"]`);
  await expect(row).toContainText("bez lomām");
  await expect(row).toContainText("paroli iestatījis cits");

  await row.getByRole("button", { name: "Pieprasīt citas lomas" }).click();
  await row.getByLabel("uzraugs").check();
  await row.getByLabel("Rīga, paraugvieta").check();
  await row.getByLabel("Iemesls").fill("Jauna darbiniece");
  await accessible(admin);
  await row.getByRole("button", { name: "Pieprasīt citas lomas" }).click();
  await expect(row).toContainText("Pieprasījums gaida apstiprinātāju");

  await approver.goto(`${site.url}/requests`);
  const card = approver.getByRole("article", { name: `aivis-${n} pieprasa mainīt lomas` });
  await expect(about(approver, "Lietotājs")).toHaveText(`Jauna uzraudze (${login})`);
  await expect(about(approver, "Lomas tagad")).toHaveText("nevienas");
  await expect(about(approver, "Vietas tagad")).toHaveText("nevienas");
  await expect(about(approver, "Lomas pēc tam")).toHaveText("uzraugs");
  await expect(about(approver, "Vietas pēc tam")).toHaveText("Rīga, paraugvieta (demo)");
  await card.getByRole("button", { name: "Apstiprināt" }).click();
  await row.getByRole("button", { name: "Izmantot" }).click();
  await expect(row.locator(".summary")).toContainText("uzraugs");
  await expect(row.locator(".summary")).toContainText("Rīga, paraugvieta");

  const jauna = await (await browser.newContext({ locale: "lv-LV" })).newPage();
  await jauna.goto(site.url);
  await jauna.getByLabel("Lietotājvārds").fill(login);
  await jauna.getByLabel("Parole").fill(first);
  await jauna.getByRole("button", { name: "Pierakstīties" }).click();
  await jauna.getByLabel("Pašreizējā parole").fill(first);
  await jauna.getByLabel("Jaunā parole").fill("četras melnas kazas");
  await jauna.getByRole("button", { name: "Mainīt paroli" }).click();
  await expect(jauna.getByRole("link", { name: "Tiešraide" })).toBeVisible();

  await row.getByRole("button", { name: "Pierakstīšanās" }).click();
  await row.getByRole("button", { name: /^Izbeigt/ }).click();
  await row.getByRole("button", { name: "Tiešām?" }).click();
  await expect(row).toContainText("Nav pierakstījies.");
  await expect(jauna.getByLabel("Lietotājvārds")).toBeVisible();
  await jauna.context().close();
});

test("a new password takes the account's roles, and security is told", async ({ admin, security, site }) => {
  const login = `vecais-${n}`;
  addPerson(login, "reviewer", password);
  await admin.goto(`${site.url}/admin/users`);
  const row = admin.locator(`[data-user="${login}"]`);
  await expect(row.locator(".summary")).toContainText("izskatītājs");
  await row.getByRole("button", { name: "Jauna parole" }).click();
  await expect(row).toContainText("Jauna parole atņem kontam lomas");
  await row.getByRole("button", { name: "Jauna parole" }).click();
  await once(admin);
  await expect(row).toContainText("bez lomām");
  await seenBySecurity(security, site.url, login);
});

/** The alarm of a reset account: on the page of security, with a count in the menu, until somebody says what they make of it. */
async function seenBySecurity(page: Page, url: string, login: string) {
  await page.goto(`${url}/alarms`);
  await expect(page.getByRole("link", { name: /Trauksmes/ })).toContainText("neviens nav apskatījis");
  const row = page.locator("tr").filter({ hasText: login }).filter({ hasText: "konts atiestatīts" });
  await expect(row).toHaveCount(1); // beside that of the account that was made at the shell
  await accessible(page);
  await row.getByRole("button", { name: "Atzīmēt kā apskatītu" }).click();
  await row.getByLabel("Ko par to secināt").fill("Saskaņots ar vadītāju");
  await row.getByRole("button", { name: "Atzīmēt kā apskatītu" }).click();
  await expect(row).toHaveCount(0);
  await page.getByLabel("arī apskatītās").check();
  await expect(page).toHaveURL(/all=true/);
  await expect(row).toContainText("Saskaņots ar vadītāju");
  await row.getByRole("link", { name: "Žurnāla ieraksti" }).click();
  await expect(page).toHaveURL(/\/audit\?.*from=/);
  await expect(page.getByRole("cell", { name: /lietotāju pārvaldība.*password/ })).toBeVisible();
}

test("a machine's token is made, rotated with an overlap, and revoked", async ({ admin, site }) => {
  const name = `grafana-${n}`;
  await admin.goto(`${site.url}/admin/clients`);
  await admin.getByRole("button", { name: "Pievienot sistēmu" }).click();
  await admin.getByLabel("Nosaukums").fill(name);
  await admin.getByRole("button", { name: "Pievienot sistēmu" }).click();
  const [first, metrics] = [await once(admin), `${site.url}/metrics`];
  const get = async (token: string) =>
    (await admin.request.get(metrics, { headers: { Authorization: `Bearer ${token}` } })).status();
  expect(await get(first)).toBe(200);
  const rows = admin.locator(`tr[data-client="${name}"]`);
  await rows.getByRole("button", { name: "Nomainīt" }).click();
  await rows.getByLabel("Cik minūtes der arī vecā").fill("0");
  await accessible(admin);
  await rows.getByRole("button", { name: "Nomainīt" }).click();
  const second = await once(admin);
  expect([await get(first), await get(second)]).toEqual([401, 200]);
  await admin
    .getByRole("button", { name: `Atsaukt: ${name}` })
    .first()
    .click();
  await admin.getByRole("button", { name: "Tiešām?" }).click();
  await expect(rows.filter({ hasText: "atsaukta" })).toHaveCount(1);
  expect(await get(second)).toBe(401);
});

/** A receiver that takes nothing. */
async function broken(): Promise<{ url: string; server: Server }> {
  const server = createServer((_, answer) => {
    answer.statusCode = 500;
    answer.end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

test("a webhook is added, tells what it could not deliver, and ends", async ({ admin, site }) => {
  const { url, server } = await broken();
  try {
    await admin.goto(`${site.url}/admin/webhooks`);
    await admin.getByRole("button", { name: "Pievienot tīmekļa āķi" }).click();
    await admin.getByLabel("Nosaukums").fill(`valde-${n}`);
    await admin.getByLabel("Adrese").fill(url);
    await admin.getByLabel("dzēšana aizliegta").check();
    await admin.getByRole("button", { name: "Pievienot tīmekļa āķi" }).click();
    expect(await once(admin)).toMatch(/^whs_/);
    const hook = admin.locator(`[data-webhook="valde-${n}"]`);
    await expect(hook).toContainText("ieslēgts");
    await expect(hook).toContainText("dzēšana aizliegta");

    const hold = await admin.request.post(`${site.url}/v1/exam-sessions/${site.session}/holds`, {
      headers: { Authorization: `Bearer ${site.tokens["security"]}` },
      data: { kind: "incident", reference: `W-${n}`, reason: "Pārbaude" },
    });
    expect(hold.status(), await hold.text()).toBe(201);
    await hook.getByRole("button", { name: "Piegādes" }).click();
    await expect(hook).toContainText("Šādu piegāžu nav.");
    await hook.getByLabel("Stāvoklis").selectOption({ label: "gaida" });
    await expect(hook).toContainText("500");
    await expect(hook).toContainText(/\d mēģināj/);
    await accessible(admin);

    await hook.getByRole("button", { name: "Izslēgt" }).click();
    await hook.getByRole("button", { name: "Tiešām?" }).click();
    await expect(hook).toContainText("izslēgts");
    await hook.getByRole("button", { name: "Izbeigt" }).click();
    await hook.getByRole("button", { name: "Tiešām?" }).click();
    await expect(hook).toContainText("izbeigts");
    await expect(hook.getByRole("button", { name: "Ieslēgt" })).toHaveCount(0);
  } finally {
    server.close();
  }
});

test("nobody sees a page that their role does not open", async ({ approver, security, site }) => {
  await expect(approver.getByRole("link", { name: "Pārvaldība" })).toHaveCount(0);
  for (const path of ["/admin/users", "/admin/clients", "/admin/webhooks", "/alarms"]) {
    await approver.goto(site.url + path);
    await expect(approver.getByText("Jūsu lomai šī lapa nav pieejama.")).toBeVisible();
  }
  await security.goto(`${site.url}/admin/users`);
  await expect(security.getByText("Jūsu lomai šī lapa nav pieejama.")).toBeVisible();
});
