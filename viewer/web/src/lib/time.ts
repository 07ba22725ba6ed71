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

/** 18.11.2026 10:31:04 in Riga. */
export const exactTime = (at: Date) =>
  format({ day: "2-digit", month: "2-digit", year: "numeric", ...clock }, at);

/** 18.11.2026 10:31:04–10:33:10 in Riga; the date twice when the days differ. */
export function span(from: Date, to: Date): string {
  const day = (d: Date) => exactTime(d).slice(0, -8);
  return `${exactTime(from)}–${day(from) === day(to) ? clockTime(to) : exactTime(to)}`;
}

/** 24.2, in Latvian 24,2: a number with so many decimals. */
export const decimal = (v: number, digits: number) =>
  new Intl.NumberFormat(language.value === "lv" ? "lv-LV" : "en-GB", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(v);

/** 0.8 s, 12 s, 3 min, 1 h 5 min: a length of time, as short as it can be read. */
export function length(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 10) return `${decimal(s, 1)} s`;
  if (s < 120) return `${decimal(s, 0)} s`;
  if (s < 7200) return `${decimal(s / 60, 0)} min`;
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
  return `${decimal(v, digits)} ${units[u] ?? ""}`;
}

/** Turns what a datetime-local input holds, taken as Riga time, into an instant; "" stays "". */
export function rigaInstant(local: string): string {
  const asUTC = Date.parse(`${local}Z`);
  if (Number.isNaN(asUTC)) return "";
  // The offset at the instant that was meant: twice, because it may differ at the first guess.
  let at = asUTC;
  for (let i = 0; i < 2; i++) at = asUTC - offset(new Date(at));
  return new Date(at).toISOString();
}

function offset(at: Date): number {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: ZONE,
    hourCycle: "h23",
    dateStyle: "short",
    timeStyle: "medium",
  }).formatToParts(at);
  const of = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  const wall = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return wall - Math.floor(at.getTime() / 1000) * 1000;
}

/** The value of a datetime-local input for an instant, in Riga time; to the second when asked. */
export function rigaLocal(instant: string, seconds = false): string {
  const at = Date.parse(instant);
  return Number.isNaN(at)
    ? ""
    : new Date(at + offset(new Date(at))).toISOString().slice(0, seconds ? 19 : 16);
}

/** An instant of the API as 18.11.2026 10:31 in Riga. */
export const when = (instant: string) => dateTime(new Date(instant));
