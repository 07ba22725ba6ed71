import type { Locator, Page } from "@playwright/test";

/** One frame as the browser showed it: the time code in its pixels, and when. */
export interface Shown {
  code: number; // Unix milliseconds burnt into the picture; NaN if unreadable
  at: number; // performance.timeOrigin based, Unix milliseconds
}

/**
 * Puts `frames(video, n)` into the page: collects the next n shown frames, each
 * read from canvas pixels (onvif/virtualcam/picture/timecode.md).
 */
export async function installReader(page: Page) {
  await page.addInitScript(() => {
    const canvas = document.createElement("canvas");
    const read = (video: HTMLVideoElement): number => {
      const w = video.videoWidth;
      canvas.width = w;
      canvas.height = 32;
      const ctx = canvas.getContext("2d", { willReadFrequently: true });
      if (!ctx || w < 192) return NaN;
      ctx.drawImage(video, 0, 0);
      const cell = w >= 768 ? 16 : w >= 384 ? 8 : 4;
      const pixels = ctx.getImageData(0, 0, 48 * cell, 32).data;
      let ms = 0;
      for (let i = 47; i >= 0; i--) {
        const x = i * cell + cell / 2;
        const luma = (y: number) => pixels[(y * 48 * cell + x) * 4 + 1] ?? 0;
        const d = luma(8) - luma(24);
        if (Math.abs(d) < 64) return NaN;
        ms = ms * 2 + (d > 0 ? 1 : 0);
      }
      return ms;
    };
    const tools = {
      read,
      frames: (video: HTMLVideoElement, n: number) =>
        new Promise<{ code: number; at: number }[]>((done) => {
          const list: { code: number; at: number }[] = [];
          const next = () => {
            list.push({ code: read(video), at: Date.now() });
            if (list.length < n) video.requestVideoFrameCallback(next);
            else done(list);
          };
          video.requestVideoFrameCallback(next);
        }),
      spectrum: async (stream: MediaStream, seconds: number) => {
        const context = new AudioContext();
        await context.resume();
        const analyser = context.createAnalyser();
        analyser.fftSize = 8192;
        analyser.smoothingTimeConstant = 0;
        context.createMediaStreamSource(stream).connect(analyser);
        const bins = new Float32Array(analyser.frequencyBinCount);
        const best = { hertz: 0, decibel: -Infinity };
        // The loudest of several spectra: the first ones may still be silent.
        const end = context.currentTime + seconds;
        while (context.currentTime < end) {
          await new Promise(requestAnimationFrame);
          analyser.getFloatFrequencyData(bins);
          bins.forEach((db, i) => {
            if (db > best.decibel)
              Object.assign(best, { decibel: db, hertz: (i * context.sampleRate) / 8192 });
          });
        }
        await context.close();
        return best;
      },
    };
    Object.assign(window, { tools });
  });
}

interface Tools {
  read: (v: HTMLVideoElement) => number;
  frames: (v: HTMLVideoElement, n: number) => Promise<Shown[]>;
  spectrum: (s: MediaStream, seconds: number) => Promise<{ hertz: number; decibel: number }>;
}

declare global {
  interface Window {
    tools: Tools;
  }
}

/** The next n frames that the video shows. */
export const frames = (video: Locator, n: number): Promise<Shown[]> =>
  video.evaluate((v, n) => window.tools.frames(v as HTMLVideoElement, n), n);

/** The time code on screen now. */
export const code = (video: Locator): Promise<number> =>
  video.evaluate((v) => window.tools.read(v as HTMLVideoElement));

/** The loudest frequency of a media element's sound. */
export const loudest = (media: Locator, seconds = 2) =>
  media.evaluate(
    (m, s) => window.tools.spectrum((m as HTMLMediaElement).srcObject as MediaStream, s),
    seconds,
  );
