import type { APIResponse, Page } from "@playwright/test";
import type { Incident, Parts, Readiness } from "../src/lib/exam";
import { accessible } from "./accessible";
import type { Ready } from "./demo";
import { addPerson, enter } from "./people";
import { expect, test as base } from "./site";

const password = "trīs baltas kazas";
const [uldis, rita] = ["uldis", "rita-e"].map((n) => `${n}-${process.env["TEST_WORKER_INDEX"]}`) as [
  string,
  string,
];
const test = base.extend<{ supervisor: Page; reviewer: Page }>({
  supervisor: async ({ browser, site }, use) => {
    const page = await enter(browser, site.url, uldis, password);
    await page.goto(`${site.url}/sessions/${site.session}`);
    await use(page);
    await page.context().close();
  },
  reviewer: async ({ browser, site }, use) => {
    const page = await enter(browser, site.url, rita, password);
    await use(page);
    await page.context().close();
  },
});

test.beforeAll(() => {
  addPerson(uldis, "supervisor", password, "--site", "demo");
  addPerson(rita, "reviewer", password);
});

const read = async <T>(answer: Promise<APIResponse>) => (await (await answer).json()) as T;
const incidents = async (page: Page, site: Ready) =>
  (
    await read<{ items: Incident[] }>(
      page.request.get(`${site.url}/v1/exam-sessions/${site.session}/incidents`),
    )
  ).items;

test("an incident is marked by one key, at the time of the key", async ({
  supervisor: page,
  site,
  reviewer,
}) => {
  const marks = page.getByRole("region", { name: "Incidenti" });
  await expect(marks.getByRole("button", { name: /Atzīmēt incidentu/ })).toBeVisible();
  const before = Date.now();
  await page.keyboard.press("m");
  const pressed = Date.now();
  await expect(marks.getByLabel(/Sēdvieta/)).toBeFocused();
  await page.keyboard.type("3");
  await page.keyboard.press("Tab");
  await page.keyboard.type("sa"); // sarunāšanās, as one picks in a list by keyboard
  await page.keyboard.press("Tab");
  await page.keyboard.type("skatās kaimiņa lapā");
  await accessible(page); // takes its time: the mark's time must not
  const sent = Date.now();
  await page.keyboard.press("Enter");
  await expect(marks).toContainText("sarunāšanās, 3. sēdvieta");
  const mark = (await incidents(page, site)).find((i) => i.note === "skatās kaimiņa lapā"); // others may stand there
  const line = marks.locator(`[data-incident="${mark!.id}"]`);
  await expect(line).toContainText("sarunāšanās, 3. sēdvieta");
  const at = Date.parse(mark!.at);
  expect(at).toBeGreaterThanOrEqual(before - 1);
  expect(at - pressed).toBeLessThan((sent - pressed) / 2); // of the press, not of the Enter

  await line.getByRole("button", { name: "Labot" }).click();
  await line.getByLabel(/Sēdvieta/).fill("4");
  await line.getByRole("button", { name: "Labot" }).click();
  await expect(line).toContainText("4. sēdvieta");
  await line.getByText("Visi ieraksti").click();
  await expect(line).toContainText("3. sēdvieta");
  const corrected = (await incidents(page, site)).find((i) => i.id === mark!.id);
  expect(corrected!.at).toBe(mark!.at); // the seconds that were not touched keep their fraction

  await reviewer.goto(`${site.url}/sessions/${site.session}`);
  const seen = reviewer.locator(`[data-incident="${mark!.id}"]`);
  await expect(seen.getByRole("button", { name: "Labot" })).toHaveCount(0);
  await seen.getByRole("button", { name: "Izskatīt" }).click();
  await seen.getByLabel(/Piezīme/).fill("Redzams ierakstā");
  await seen.getByRole("button", { name: "Izskatīt" }).click();
  await expect(seen).toContainText("izskatīts");

  await line.getByRole("button", { name: "Atsaukt" }).click();
  await line.getByLabel(/Piezīme/).fill("Tika runāts ar uzraugu");
  await line.getByRole("button", { name: "Atsaukt" }).click();
  await expect(line).toContainText("atsaukts");
  await expect(line.getByRole("button", { name: "Labot" })).toHaveCount(0);
});

test("a note with a personal code is refused, and the form keeps what was typed", async ({
  supervisor: page,
}) => {
  const marks = page.getByRole("region", { name: "Incidenti" });
  await marks.getByRole("button", { name: /Atzīmēt incidentu/ }).click();
  await marks.getByLabel("Veids").selectOption({ label: "veselība" });
  await marks.getByLabel(/Piezīme/).fill("131295-12345 jutās slikti");
  await marks.getByRole("button", { name: "Atzīmēt incidentu" }).click();
  await expect(marks.getByRole("alert")).toBeVisible();
  await expect(marks.getByLabel(/Piezīme/)).toHaveValue("131295-12345 jutās slikti");
  await expect(marks.getByLabel("Veids")).toHaveValue("health");
  await page.keyboard.press("Escape");
});

test("a part is started, paused and put right", async ({ supervisor: page, site }) => {
  const parts = page.getByRole("region", { name: "Daļu norise" });
  const part = parts.locator("[data-part]").first();
  await part.getByRole("button", { name: "Sākt" }).click();
  await expect(part).toContainText("● notiek");
  await part.getByRole("button", { name: "Apturēt" }).click();
  await expect(part).toContainText("▲ apturēta");
  await part.getByRole("button", { name: "Turpināt" }).click();
  await expect(part).toContainText("● notiek");
  await parts.getByText("Visi ieraksti").click();
  const last = parts.locator("[data-event]").last();
  await last.getByRole("button", { name: "Labot" }).click();
  await last.getByLabel("nav noticis").check();
  await last.getByLabel("Iemesls").fill("Nospiests par agru");
  await accessible(page);
  await last.getByRole("button", { name: "Labot" }).click();
  await expect(part).toContainText("▲ apturēta");
  const now = await read<Parts>(page.request.get(`${site.url}/v1/exam-sessions/${site.session}/part-events`));
  expect(now.events.filter((e) => e.void)).toHaveLength(1);
});

test("cameras are checked by hand, and the exam begins with a name under it", async ({
  supervisor: page,
  site,
}) => {
  const readiness = page.getByRole("region", { name: "Gatavība" });
  await readiness.getByRole("button", { name: "Pārbaudīt tagad" }).click();
  const cameras = readiness.locator("tbody tr");
  await expect(cameras).toHaveCount(site.cameras.filter((c) => c.session === site.session).length);
  for (const row of await cameras.all()) {
    await expect(row).toContainText("izmēģinājuma ieraksts", { timeout: 60_000 });
    await expect(row).toContainText("pēc pieprasījuma");
  }
  await accessible(page);
  const path = `${site.url}/v1/exam-sessions/${site.session}/readiness`;
  const failed = (await read<Readiness>(page.request.get(path))).cameras.filter((c) => c.state === "failed");
  for (const c of failed) {
    const row = readiness.locator(`tr[data-camera="${c.camera_id}"]`);
    await row.getByRole("button", { name: "Apstiprināt ar pamatojumu" }).click();
    await row.getByLabel("Kāpēc eksāmens drīkst sākties").fill("Telpu redz otra kamera");
    await row.getByRole("button", { name: "Apstiprināt ar pamatojumu" }).click();
    await expect(row).toContainText("Telpu redz otra kamera");
  }
  await readiness.getByRole("button", { name: "Apstiprināt gatavību" }).click();
  await readiness.getByRole("button", { name: "Apstiprināt gatavību" }).click();
  await expect(readiness.getByRole("status")).toContainText("eksāmens var sākties");
  await expect(readiness).toContainText(`gatavību apstiprināja ${uldis}`);
});

/** An instant with the offset of Riga, as the citizenship system must tell it. */
function riga(instant: string): string {
  const at = new Date(instant);
  const named = new Intl.DateTimeFormat("en", { timeZone: "Europe/Riga", timeZoneName: "longOffset" })
    .formatToParts(at)
    .find((p) => p.type === "timeZoneName")!.value;
  const offset = named.replace("GMT", "");
  const hours = Number(offset.slice(0, 3));
  return new Date(at.getTime() + hours * 3_600_000).toISOString().replace("Z", offset);
}

test("a running session that its source cancels goes on when a person says so", async ({
  supervisor: page,
  site,
}) => {
  const path = `${site.url}/v1/exam-sessions/${site.session}`;
  interface Document {
    external_id: string;
    source_version: number;
    room_code: string;
    starts_at: string;
    ends_at: string;
    seats: number;
    parts: { kind: string; starts_at: string; ends_at: string; sound: boolean }[];
  }
  const s = await read<Document>(page.request.get(path));
  const headers = { Authorization: `Bearer ${site.tokens["citizenship"]}` };
  const data = {
    source_version: s.source_version + 1,
    room: s.room_code,
    starts_at: riga(s.starts_at),
    ends_at: riga(s.ends_at),
    seats: s.seats,
    parts: s.parts.map((p) => ({
      kind: p.kind,
      starts_at: riga(p.starts_at),
      ends_at: riga(p.ends_at),
      sound: p.sound,
    })),
    cancelled: true,
  };
  const pushed = await page.request.put(`${site.url}/v1/exam-sessions/${s.external_id}`, { headers, data });
  expect(pushed.status(), await pushed.text()).toBeLessThan(300);
  await page.goto(`${site.url}/sessions`);
  await expect(page.getByRole("row").filter({ hasText: s.external_id })).toContainText(
    "jāizlemj par atcelšanu",
  );
  await page.getByRole("link", { name: s.external_id }).click();
  const panel = page.getByRole("region", { name: "Sesijas atcelšana" });
  await expect(panel).toContainText("lūdz atcelt sesiju, kas notiek");
  await accessible(page);
  await panel.getByRole("button", { name: "Neatcelt, sesija turpinās" }).click();
  await panel.getByRole("button", { name: "Tiešām?" }).click();
  await expect(panel).toHaveCount(0);
  const after = await read<{ state: string; cancel_asked: boolean }>(page.request.get(path));
  expect([after.state, after.cancel_asked]).toEqual(["running", false]);
});
