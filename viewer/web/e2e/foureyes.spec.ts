import type { Page } from "@playwright/test";
import type { Request } from "../src/lib/foureyes";
import type { Timeline } from "../src/lib/api";
import { accessible } from "./accessible";
import type { Ready } from "./demo";
import { addPerson, enter } from "./people";
import { code, frames } from "./picture";
import { expect, test as base } from "./site";

const told = { timeout: 20_000 }; // the review page asks every 5 s where a request stands
const password = "trīs baltas kazas";
// A worker begins anew after a test that failed: its people are its own.
const [rita, anna] = ["rita", "anna"].map((n) => `${n}-${process.env["TEST_WORKER_INDEX"]}`) as [
  string,
  string,
];
const test = base.extend<{ reviewer: Page; approver: Page }>({
  reviewer: async ({ browser, site }, use) => {
    const page = await enter(browser, site.url, rita, password);
    await use(page);
    await page.context().close();
  },
  approver: async ({ browser, site }, use) => {
    const page = await enter(browser, site.url, anna, password);
    await use(page);
    await page.context().close();
  },
});

test.beforeAll(() => {
  addPerson(rita, "reviewer", password);
  addPerson(anna, "approver", password);
});

/** Waits until so many seconds of the session are on disk. */
const recorded = (page: Page, site: Ready, seconds: number) =>
  expect
    .poll(
      async () => {
        const r = await page.request.get(`${site.url}/v1/exam-sessions/${site.session}/timeline`);
        const t = (await r.json()) as Timeline;
        const ends = t.recordings.map((x) =>
          Date.parse(x.growing?.to ?? x.segments.at(-1)?.to ?? t.window.from),
        );
        return (Math.min(...ends) - Date.parse(t.window.from)) / 1000;
      },
      { timeout: 60_000 },
    )
    .toBeGreaterThan(seconds);

/** Opens an appeal by hand. */
async function openAppeal(page: Page, site: Ready, reference: string) {
  await page.goto(`${site.url}/appeals`);
  await page.getByRole("button", { name: "Sākt apstrīdēšanu" }).click();
  await page.getByLabel("Eksāmena sesija").fill(site.session);
  await page.getByLabel("Atsauce").fill(reference);
  await page.getByLabel("Iemesls").fill("Pretendents apstrīd klausīšanās daļas vērtējumu");
  await page.getByRole("button", { name: "Sākt apstrīdēšanu" }).click();
  await expect(page.getByRole("link", { name: reference, exact: true })).toBeVisible();
}

/** Asks for a grant on the page of the session; returns the request as the server has it. */
async function ask(page: Page, site: Ready, reason: string, appeal: string): Promise<Request> {
  await page.goto(`${site.url}/sessions/${site.session}`);
  await page.getByRole("button", { name: "Pieprasīt piekļuves atļauju" }).click();
  await page.getByLabel("Lieta").selectOption({ label: `apstrīdēšana ${appeal}` });
  await page.getByLabel("Iemesls").fill(reason);
  const [answer] = await Promise.all([
    page.waitForResponse((r) => r.url().endsWith("/v1/requests") && r.request().method() === "POST"),
    page.getByRole("button", { name: "Pieprasīt piekļuves atļauju" }).click(),
  ]);
  expect(answer.status(), await answer.text()).toBe(201);
  return (await answer.json()) as Request;
}

const card = (page: Page, r: Request) => page.locator(`article[data-request="${r.id}"]`);

test("a reviewer asks, another approves exactly that, the reviewer sees pictures", async ({
  site,
  reviewer,
  approver,
}) => {
  await recorded(reviewer, site, 12);
  await openAppeal(reviewer, site, "A-17");
  const marked = await reviewer.request.post(`${site.url}/v1/exam-sessions/${site.session}/incidents`, {
    headers: { Authorization: `Bearer ${site.tokens["supervisor"]}` },
    data: { kind: "crib", seat: 5, note: "špikeris piedurknē" },
  });
  expect(marked.status(), await marked.text()).toBe(201);
  await reviewer.goto(`${site.url}/sessions/${site.session}`);
  await expect(reviewer.getByText("Arhīvu neatver loma vien")).toBeVisible();
  await expect(reviewer.locator("video")).toHaveCount(0);
  await accessible(reviewer);

  const asked = await markAndAsk(reviewer, site);
  await expect(reviewer.getByText("Pieprasījums gaida apstiprinātāju")).toBeVisible();

  await approver.goto(`${site.url}/requests`);
  const waiting = await approver.request.get(`${site.url}/v1/requests?state=requested&mine=false&limit=200`);
  const mine = ((await waiting.json()) as { items: Request[] }).items.filter((r) =>
    r.can.includes("approve"),
  );
  const badge = approver.getByRole("link", { name: /Pieprasījumi/ }).locator(".count");
  await expect(badge.locator("[aria-hidden]")).toHaveText(String(mine.length));
  await expect(badge).toContainText(/gaida \d+ pieprasījum/);
  const seen = card(approver, asked);
  await expect(seen).toContainText(`${rita} pieprasa skatīt ierakstu`);
  await expect(seen).toContainText("apstrīdēšana A-17");
  await expect(seen).toContainText("Klausīšanās daļas pārbaude");
  await expect(seen).toContainText(asked.digest.match(/.{4}/g)!.join(" "));
  await expect(seen).toContainText(/\d s ieraksta, .*segment/);
  for (const name of asked.summary.cameras) await expect(seen).toContainText(name);
  const [yes, no] = [
    seen.getByRole("button", { name: "Apstiprināt" }),
    seen.getByRole("button", { name: "Noraidīt" }),
  ];
  const [a, b] = [await yes.boundingBox(), await no.boundingBox()];
  expect([a!.width, a!.height]).toEqual([b!.width, b!.height]);
  await accessible(approver);
  await yes.click();
  await expect(seen).toContainText("apstiprināts, vēl nav izmantots");
  await expect(seen.getByRole("button", { name: "Apstiprināt" })).toHaveCount(0);

  await expect(reviewer.getByText(`${anna} apstiprināja.`)).toBeVisible(told);
  await reviewer.getByRole("button", { name: "Sākt skatīšanos" }).click();
  await expect(reviewer.locator(".transport")).toHaveAttribute("data-ready", "true");
  await expect(reviewer.locator(".view")).toHaveCount(1);
  const shown = await frames(reviewer.locator(".main-view video"), 2);
  expect(shown[1]!.code).not.toBe(shown[0]!.code);
  await reviewer.keyboard.press("k");
  await expect(reviewer.getByRole("button", { name: "Atskaņot" })).toBeVisible();
  const wall = await code(reviewer.locator(".main-view video"));
  expect(wall).toBeGreaterThan(Date.parse(asked.asked.from!) - 1000);
  await expect(reviewer.locator(".row .barred").first()).toHaveAttribute("aria-label", /atļauja/);
  await accessible(reviewer);

  await approver.goto(`${site.url}/appeals`);
  await approver.getByRole("link", { name: "A-17", exact: true }).click();
  await expect(approver.getByRole("heading", { name: "Apstrīdēšana A-17" })).toBeVisible();
  await expect(card(approver, asked)).toContainText("izmantots");
  const grants = approver.getByRole("region", { name: "Piekļuves atļaujas" });
  await expect(grants).toContainText(rita);
  await expect(approver.getByRole("region", { name: "Dzēšanas aizliegumi" })).toContainText(
    "apstrīdēšana A-17",
  );
  await expect(approver.getByRole("region", { name: "Notikumi" })).toContainText("apstrīdēšana sākta");
  await expect(approver.getByRole("region", { name: "Incidenti" })).toContainText("špikeris, 5. sēdvieta");
  await accessible(approver);

  await grants.getByRole("button", { name: "Atņemt atļauju" }).click();
  await grants.getByRole("button", { name: "Tiešām?" }).click();
  await expect(grants).toContainText("atņemta");
  await expect(reviewer.getByText("Arhīvu neatver loma vien")).toBeVisible(told);
  await expect(reviewer.locator("video")).toHaveCount(0);
});

/** Marks ten seconds with the keys and asks to see them of the first camera. */
async function markAndAsk(page: Page, site: Ready): Promise<Request> {
  const tracks = page.locator(".tracks");
  const box = (await tracks.boundingBox())!;
  await tracks.click({ position: { x: 1, y: box.height / 2 } });
  await page.keyboard.press("i");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("o");
  await expect(page.locator(".tracks .range")).toBeVisible();
  await page.getByRole("button", { name: "Pieprasīt piekļuves atļauju" }).click();
  const form = page.getByRole("region", { name: "Piekļuves atļauja" });
  const cameras = form.getByRole("checkbox");
  await expect(cameras).toHaveCount(site.cameras.filter((c) => c.session === site.session).length);
  for (const other of (await cameras.all()).slice(1)) await other.uncheck();
  await form.getByLabel("Lieta").selectOption({ label: "apstrīdēšana A-17" });
  await form.getByLabel("Iemesls").fill("Klausīšanās daļas pārbaude");
  const [answer] = await Promise.all([
    page.waitForResponse((r) => r.url().endsWith("/v1/requests") && r.request().method() === "POST"),
    form.getByRole("button", { name: "Pieprasīt piekļuves atļauju" }).click(),
  ]);
  expect(answer.status(), await answer.text()).toBe(201);
  const r = (await answer.json()) as Request;
  expect(r.asked.camera_ids).toHaveLength(1);
  const seconds = (Date.parse(r.asked.to!) - Date.parse(r.asked.from!)) / 1000;
  expect(seconds).toBeGreaterThanOrEqual(9);
  expect(seconds).toBeLessThanOrEqual(11);
  return r;
}

test("a refusal says why, and opens nothing", async ({ site, reviewer, approver }) => {
  await recorded(reviewer, site, 2);
  await openAppeal(reviewer, site, "A-18");
  const asked = await ask(reviewer, site, "Gribu redzēt visu sesiju", "A-18");
  await approver.goto(`${site.url}/requests`);
  const seen = card(approver, asked);
  await expect(seen).toContainText("visa sesija");
  await seen.getByRole("button", { name: "Noraidīt" }).click();
  await seen.getByLabel("Kāpēc noraida").fill("Norādiet vienu daļu");
  await accessible(approver);
  await seen.locator("form").getByRole("button", { name: "Noraidīt" }).click();
  await expect(card(approver, asked)).toContainText("Norādiet vienu daļu");
  await expect(reviewer.getByText(`Noraidīts, jo: Norādiet vienu daļu (${anna})`)).toBeVisible(told);
  await expect(reviewer.locator("video")).toHaveCount(0);
});

test("who asked withdraws, and an appeal goes its way to the end", async ({ site, reviewer }) => {
  await recorded(reviewer, site, 2);
  await openAppeal(reviewer, site, "A-19");
  const asked = await ask(reviewer, site, "Klausīšanās daļa", "A-19");
  await reviewer.goto(`${site.url}/requests`);
  const mine = reviewer
    .getByRole("region", { name: "Mani pieprasījumi" })
    .locator(`article[data-request="${asked.id}"]`);
  await expect(mine.getByRole("button", { name: "Apstiprināt" })).toHaveCount(0);
  await mine.getByRole("button", { name: "Atsaukt" }).click();
  await mine.getByRole("button", { name: "Tiešām?" }).click();
  await expect(card(reviewer, asked)).toContainText("atsaukts");

  await reviewer.goto(`${site.url}/appeals`);
  await reviewer.getByRole("link", { name: "A-19", exact: true }).click();
  for (const [step, state] of [
    ["Nodota tiesai", "tiesā"],
    ["Galīgi izlemta", "galīgi izlemta"],
    ["Slēgt", "slēgta"],
  ] as const) {
    const region = reviewer.getByRole("region", { name: "Stāvoklis" });
    await region.getByRole("button", { name: step }).click();
    await region.getByLabel("Iemesls").fill("Saņemts dokuments");
    await region.getByRole("button", { name: step }).click();
    await expect(reviewer.locator(".summary strong").first()).toHaveText(state);
  }
  await expect(reviewer.getByRole("region", { name: "Stāvoklis" }).getByRole("button")).toHaveCount(0);
  await reviewer.goto(`${site.url}/sessions/${site.session}`);
  await reviewer.getByRole("button", { name: "Pieprasīt piekļuves atļauju" }).click();
  await expect(reviewer.getByLabel("Lieta").locator("option", { hasText: "A-19" })).toHaveCount(0);
});
