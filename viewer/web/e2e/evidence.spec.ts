import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { type APIRequestContext, type Browser, expect, type Page, request, test } from "@playwright/test";
import type { Request } from "../src/lib/foureyes";
import { accessible } from "./accessible";
import { saysAll } from "./card";
import { type Ready, startDemo } from "./demo";
import { enter } from "./people";

// A demo site of its own, whose first sessions are over and sealed soon.
let site: Ready;
let stop: () => Promise<void>;
// Another person, who decides.
let approver: APIRequestContext;
test.beforeAll(async () => {
  const demo = await startDemo(["--duration", "20s"]);
  site = JSON.parse(readFileSync(demo.file, "utf8")) as Ready;
  stop = demo.stop;
  approver = await enterApprover(dirname(demo.file));
});
test.afterAll(async () => {
  await approver.dispose();
  await stop();
});

// A pair of keys made for this test alone.
const recipient = "age12m535savutlryw20nhgfh7w75a5uvj965pu0kksmkc4crr0uug8szzljk5";
const privateKey = "AGE-SECRET-KEY-1CX3VF8XJ0YKZN4L2VQG3YV9KERZLUVPC7G8FXWZ456486WQWDZYQX3Q94Q";

const binary = resolve(import.meta.dirname, "../../../bin/lieciba");

/** Adds an approver to the site in dir, as an operator does, and signs them in. */
async function enterApprover(dir: string): Promise<APIRequestContext> {
  const account = { login: "vera", password: "trīs baltas kazas" };
  const config = join(dir, "approver.yaml");
  writeFileSync(config, `data: ${join(dir, "data")}\n`);
  execFileSync(binary, ["user", "add", account.login, "--role", "approver", "--keep", "-c", config], {
    input: `${account.password}\n`,
  });
  const api = await request.newContext({ baseURL: site.url });
  expect((await api.post("/v1/sign-in", { data: account })).status()).toBe(200);
  return api;
}

/** Approves the one request of a kind that waits, exactly as it was read. */
async function approve(kind: string) {
  const waiting = await approver.get(`/v1/requests?state=requested&kind=${kind}`);
  const { items } = (await waiting.json()) as { items: { id: string; digest: string }[] };
  expect(items).toHaveLength(1);
  const r = items[0]!;
  const said = await approver.post(`/v1/requests/${r.id}/approval`, { data: { digest: r.digest } });
  expect(said.status()).toBe(200);
}

/** The approver reads who gets what: the key, that it is new under this name, and that all footage leaves. */
async function readBy(browser: Browser) {
  const page = await enter(browser, site.url, "vera", "trīs baltas kazas");
  const answer = await approver.get("/v1/requests?state=requested&kind=export");
  const { items } = (await answer.json()) as { items: Request[] };
  await page.goto(`${site.url}/requests`);
  const card = page.locator(`article[data-request="${items[0]!.id}"]`);
  await saysAll(card, items[0]!);
  await expect(card).toContainText("šis saņēmējs ar šo atslēgu vēl neko nav saņēmis");
  await expect(card).toContainText("Izsniedz visu 2 kameru ierakstu");
  await accessible(page);
  await page.context().close();
}

async function signIn(page: Page) {
  await page.goto(site.url);
  await page.getByLabel("Lietotājvārds").fill(site.login);
  await page.getByLabel("Parole").fill(site.password);
  await page.getByRole("button", { name: "Pierakstīties" }).click();
  await expect(page.getByRole("link", { name: "Tiešraide" })).toBeVisible();
}

test("a package of a sealed session, asked for and approved, leaves the house and proves itself", async ({
  page,
  browser,
}, info) => {
  await signIn(page);
  await page.goto(`${site.url}/sessions/${site.session}`);
  const statement = page.getByRole("region", { name: "Pārklājuma izziņa" });
  await expect(statement.locator("tbody tr")).toHaveCount(2);
  await expect(statement.getByText(/noslēgts \d/)).toHaveCount(2, { timeout: 90_000 });
  const packages = page.getByRole("region", { name: "Pierādījumu pakotnes" });
  await packages.getByRole("button", { name: "Pieprasīt pakotni" }).click();
  await packages.getByLabel("Mērķis").fill("Apstrīdēšanas A-17 izskatīšana");
  await packages.getByLabel("Veids").selectOption({ label: "apstrīdēšanas komisija" });
  await packages.getByLabel("Saņēmējs", { exact: true }).fill("Apstrīdēšanas komisija");
  await packages.getByLabel(/age publiskā/).fill(recipient);
  await packages.getByRole("button", { name: "Pieprasīt pakotni" }).click();
  await expect(packages.getByText("Pieprasījums gaida apstiprinātāju līdz")).toBeVisible();
  await expect(packages.getByRole("button", { name: "Izmantot" })).toHaveCount(0);
  await readBy(browser);
  await approve("export");
  await expect(packages.getByText("vera apstiprināja.")).toBeVisible();
  await packages.getByRole("button", { name: "Izmantot" }).click();
  const download = page.waitForEvent("download", { timeout: 60_000 });
  await packages.getByRole("link", { name: /Saņemt pakotni/ }).click({ timeout: 60_000 });
  const path = info.outputPath("package.zip.age");
  await (await download).saveAs(path);
  const identity = info.outputPath("identity.txt");
  writeFileSync(identity, `${privateKey}\n`);

  await page.goto(`${site.url}/audit`);
  const printed = await page
    .getByRole("region", { name: "Kontrolsummu žurnāls" })
    .locator(".fingerprint")
    .innerText();
  const told = execFileSync(binary, ["verify", path, "--json", "--key", printed, "-i", identity], {
    encoding: "utf8",
  });
  const report = JSON.parse(told) as { verdict: string; log: { key_compared: boolean } };
  expect(report.verdict).toBe("complete_with_declared_gaps");
  expect(report.log.key_compared).toBe(true);
});

test("who looked is found again, and the log is whole", async ({ page }) => {
  await signIn(page);
  await page.goto(`${site.url}/audit`);
  await expect(page.getByRole("cell", { name: "pierakstīšanās" }).first()).toBeVisible();
  await page.getByLabel("Darbība").selectOption({ label: "ieraksta noslēgšana" });
  await page.getByRole("button", { name: "Meklēt" }).click();
  await expect(page).toHaveURL(/act=seal_recording/);
  await expect(page.getByRole("cell", { name: "ieraksta noslēgšana" }).first()).toBeVisible({
    timeout: 90_000,
  });
  await expect(page.getByRole("cell", { name: "pierakstīšanās" })).toHaveCount(0);
  const log = page.getByRole("region", { name: "Kontrolsummu žurnāls" });
  await expect(log.getByText("Neviens liecinieks žurnālu neapliecina.")).toBeVisible();
  await log.getByRole("button", { name: "Pārbaudīt visu žurnālu" }).click();
  await expect(log.getByText("žurnāls ir vesels")).toBeVisible({ timeout: 60_000 });
});

test("nothing is deleted before a policy was approved by somebody else", async ({ page }) => {
  await signIn(page);
  await page.goto(`${site.url}/retention`);
  const policies = page.getByRole("region", { name: "Glabāšanas noteikumi" });
  await expect(policies.getByText("Neviens noteikums nav apstiprināts")).toBeVisible();
  await policies.getByRole("button", { name: "Sagatavot noteikumu" }).click();
  await policies.getByLabel("Mērķis").fill("Eksāmena norises pārbaude");
  await policies.getByLabel("Tiesiskais pamats").fill("MK noteikumi Nr. 973");
  await policies.getByRole("button", { name: "Sagatavot noteikumu" }).click();
  await expect(policies.getByText("sagatavots", { exact: true })).toBeVisible();
  await policies.getByRole("button", { name: "Pieprasīt apstiprinājumu" }).click();
  await policies.getByLabel("Iemesls").fill("Tā noteica ministrija");
  await policies.getByRole("button", { name: "Pieprasīt apstiprinājumu" }).click();
  await expect(policies.getByText("Pieprasījums gaida apstiprinātāju līdz")).toBeVisible();
  await expect(policies.getByRole("button", { name: "Izmantot" })).toHaveCount(0);
  const plan = page.getByRole("region", { name: "Kas, kad un kāpēc tiks dzēsts" });
  await expect(plan.locator("tbody tr").first()).toBeVisible({ timeout: 60_000 });

  await approve("retention_policy");
  await policies.getByRole("button", { name: "Izmantot" }).click();
  await expect(policies.getByText("spēkā", { exact: true })).toBeVisible();
  await expect(policies.getByText("Neviens noteikums nav apstiprināts")).toHaveCount(0);
});

test("a hold ends when two people want it", async ({ page }) => {
  await signIn(page);
  await page.goto(`${site.url}/sessions/${site.session}`);
  const holds = page.getByRole("region", { name: "Dzēšanas aizliegumi" });
  await holds.getByRole("button", { name: "Aizliegt dzēšanu" }).click();
  await holds.getByLabel("Veids").selectOption({ label: "tiesa" });
  await holds.getByLabel("Atsauce").fill("A-17");
  for (let i = 0; i < 2; i++) await page.waitForResponse((r) => r.url().includes("/v1/holds?session="));
  await expect(holds.getByLabel("Veids")).toHaveValue("court"); // the page was drawn anew meanwhile
  await expect(holds.getByLabel("Atsauce")).toHaveValue("A-17");
  await holds.getByLabel("Iemesls").fill("Apstrīdēšana");
  await holds.getByRole("button", { name: "Aizliegt dzēšanu" }).click();
  await holds.getByRole("button", { name: "Pieprasīt atcelšanu" }).click();
  await holds.getByLabel("Iemesls").fill("Apstrīdēšana ir galā");
  await holds.getByRole("button", { name: "Pieprasīt atcelšanu" }).click();
  await expect(holds.getByText("Pieprasījums gaida apstiprinātāju līdz")).toBeVisible();
  await approve("hold_release");
  await holds.getByRole("button", { name: "Izmantot" }).click();
  await expect(holds.getByText("A-17")).toHaveCount(0);
});
