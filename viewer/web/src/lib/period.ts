import type { Period } from "./evidence";
import { say } from "./i18n";

/** A length of calendar time in words: 3 months 14 days; 0 for none. */
export const period = (p: Period): string =>
  [p.months && say("months", { n: p.months }), p.days && say("days", { n: p.days })]
    .filter(Boolean)
    .join(" ") || "0";
