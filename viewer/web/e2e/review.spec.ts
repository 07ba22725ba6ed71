import type { Locator, Page } from "@playwright/test";
import type { Timeline } from "../src/lib/api";
import { code, frames, loudest } from "./picture";
import type { Ready } from "./demo";
import { grant } from "./grant";
import { expect, test } from "./site";

const FRAME = 1000 / 25; // milliseconds

interface Span {
  from: number;
  to: number;
}

/** Opens a session of the demo and waits until its cameras have pictures. */
async function open(page: Page, site: Ready, session = site.session) {
  const cameras = site.cameras.filter((c) => c.session === session).length;
  await recorded(page, session, 25);
  await grant(page, site, session);
  await page.getByRole("link", { name: "Eksāmenu sesijas" }).click();
  await page.locator(`a[href="/sessions/${session}"]`).click();
  await expect(page.locator(".transport")).toHaveAttribute("data-ready", "true");
  await expect(page.locator(".view")).toHaveCount(cameras);
  for (const v of await page.locator(".view video").all()) await frames(v, 2);
}

/** Waits until so many seconds of the session's window are on disk. */
async function recorded(page: Page, session: string, seconds: number) {
  await expect
    .poll(
      async () => {
        const t = (await (
          await page.request.get(`/v1/exam-sessions/${session}/timeline`)
        ).json()) as Timeline;
        const ends = t.recordings.map((r) =>
          Date.parse(r.growing?.to ?? r.segments.at(-1)?.to ?? t.window.from),
        );
        return (Math.min(...ends) - Date.parse(t.window.from)) / 1000;
      },
      { timeout: 60_000 },
    )
    .toBeGreaterThan(seconds);
}

async function pause(page: Page) {
  await page.keyboard.press("k");
  await expect(page.getByRole("button", { name: "Atskaņot" })).toBeVisible();
}

/** Clicks the timeline at a share of its width and returns the time that was asked for. */
async function seek(page: Page, share: number): Promise<number> {
  const tracks = page.locator(".tracks");
  const span = await tracks.evaluate(
    (e): Span => ({
      from: Number(e.getAttribute("aria-valuemin")),
      to: Number(e.getAttribute("aria-valuemax")),
    }),
  );
  const box = (await tracks.boundingBox())!;
  const x = Math.round(box.width * share);
  await tracks.click({ position: { x, y: 30 } });
  return span.from + (x / box.width) * (span.to - span.from);
}

/** The share of the window that is `ms` after its start. */
async function share(page: Page, ms: number): Promise<number> {
  const tracks = page.locator(".tracks");
  const from = Number(await tracks.getAttribute("aria-valuemin"));
  const to = Number(await tracks.getAttribute("aria-valuemax"));
  return ms / (to - from);
}

/** The wall clock that the page tells for the frame on screen. */
const told = async (video: Locator): Promise<number> => Number(await video.getAttribute("data-wall"));

/** The frame on screen is the last one up to T, and its pixels agree with the clock that is told. */
async function settled(video: Locator, wanted: number) {
  await expect
    .poll(async () => wanted - (await told(video)), { message: "the frame shown is the last one up to T" })
    .toBeLessThanOrEqual(FRAME + 1);
  expect(wanted - (await told(video))).toBeGreaterThan(-1);
  // The server's clock at arrival against the camera's at exposure: what the machine's load delays
  // at the start of a run is corrected slowly (recorder/TIME.md).
  const late = (await told(video)) - (await code(video));
  console.log(`the frame's arrival is ${late.toFixed(1)} ms behind its time code`);
  expect(Math.abs(late)).toBeLessThan(3 * FRAME);
}

/** Waits until exactly one other frame is shown, `frames` away from the time code `from`. */
const stepped = (video: Locator, from: number, frames: number) =>
  expect.poll(async () => Math.abs((await code(video)) - from - frames * FRAME)).toBeLessThan(FRAME / 2);

test("seek shows T within one frame on every camera, pause holds, step moves one frame", async ({
  page,
  site,
}) => {
  await open(page, site);
  await pause(page);
  const wanted = await seek(page, await share(page, 6_500));
  const videos = await page.locator(".view video").all();
  for (const v of videos) await settled(v, wanted);
  const main = page.locator(".main-view video");
  const held = await code(main);
  const others = await Promise.all(videos.map(code));
  await main.evaluate(() => new Promise((done) => setTimeout(done, 1500)));
  expect(await Promise.all(videos.map(code))).toEqual(others);

  await page.keyboard.press(".");
  await stepped(main, held, 1);
  await page.keyboard.press(".");
  await stepped(main, held, 2);
  await page.keyboard.press(",");
  await stepped(main, held, 1);
});

test("cameras are in step while playing, and the wall clock shown is the picture's", async ({
  page,
  site,
}) => {
  await open(page, site);
  const apart = await page.evaluate(async () => {
    const videos = [...document.querySelectorAll<HTMLVideoElement>(".view video")];
    const worst: number[] = [];
    for (let i = 0; i < 60; i++) {
      await new Promise(requestAnimationFrame);
      const codes = videos.map((v) => window.tools.read(v));
      worst.push(Math.max(...codes) - Math.min(...codes));
    }
    return worst.sort((a, b) => a - b);
  });
  // Cameras take their frames at different instants: one frame apart in time is in step. The
  // compositor may show one video a refresh before another, so the middle of the samples decides.
  expect(apart[Math.floor(apart.length / 2)]).toBeLessThanOrEqual(FRAME + 5);
  await pause(page);
  const main = page.locator(".main-view video");
  await expect.poll(async () => Math.abs((await told(main)) - (await code(main)))).toBeLessThan(3 * FRAME);
});

test("reverse goes back", async ({ page, site }) => {
  await open(page, site);
  await seek(page, await share(page, 15_000));
  await page.keyboard.press("j");
  const shown = (await frames(page.locator(".main-view video"), 5)).map((f) => f.code);
  expect(shown.at(-1)).toBeLessThan(shown[1]!);
});

for (const codec of ["pcma", "aac"]) {
  test(`the 1 kHz tone of a camera with ${codec} is heard from the archive`, async ({ page, site }) => {
    const camera = site.cameras.find((c) => c.audio === codec);
    expect(camera, `the demo has no camera with ${codec}`).toBeTruthy();
    await open(page, site);
    await page.getByLabel("Skaņa").selectOption(camera!.id);
    await seek(page, await share(page, 14_000));
    const peak = await loudest(page.locator("audio"), 3);
    expect(Math.abs(peak.hertz - 1000), JSON.stringify(peak)).toBeLessThan(15);
    expect(peak.decibel).toBeGreaterThan(-60);
  });
}

test("the gap is drawn and named", async ({ page, site }) => {
  await open(page, site);
  const gap = page.locator(".row .gap").first();
  await expect(gap).toHaveAttribute("aria-label", /Pārrāvums|pārrāvums/, { timeout: 60_000 });
  await expect(page.locator(".facts")).toContainText(/kamera neatbild|zudis savienojums/);
});
