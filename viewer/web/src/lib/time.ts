import { language } from "./i18n";

const ZONE = "Europe/Riga";

function format(options: Intl.DateTimeFormatOptions, at: Date): string {
  return new Intl.DateTimeFormat(language.value === "lv" ? "lv-LV" : "en-GB", {
    timeZone: ZONE,
    hourCycle: "h23",
    ...options,
  }).format(at);
}

const clock: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", second: "2-digit" };

/** 10:31:09 in Riga. */
export const clockTime = (at: Date) => format(clock, at);

/** 10:31:09.480 in Riga: as exact as a frame. */
export const frameTime = (at: Date) =>
  `${format(clock, at)}.${String(at.getUTCMilliseconds()).padStart(3, "0")}`;

/** 18.11.2026 10:31 in Riga. */
export const dateTime = (at: Date) =>
  format({ day: "2-digit", month: "2-digit", year: "numeric", hour: "2-digit", minute: "2-digit" }, at);

/** 0.8 s, 12 s, 3 min, 1 h 5 min: a length of time, as short as it can be read. */
export function length(seconds: number): string {
  const s = Math.max(0, seconds);
  const number = (v: number, digits: number) =>
    new Intl.NumberFormat(language.value === "lv" ? "lv-LV" : "en-GB", {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    }).format(v);
  if (s < 10) return `${number(s, 1)} s`;
  if (s < 120) return `${number(s, 0)} s`;
  if (s < 7200) return `${number(s / 60, 0)} min`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** 812 B, 4.2 MB, 1.3 GB: a count of bytes in powers of ten, as disks are sold. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let v = count;
  let u = 0;
  while (v >= 1000 && u < units.length - 1) {
    v /= 1000;
    u++;
  }
  const digits = u === 0 || v >= 100 ? 0 : 1;
  const number = new Intl.NumberFormat(language.value === "lv" ? "lv-LV" : "en-GB", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(v);
  return `${number} ${units[u] ?? ""}`;
}
