import { say, sayCode } from "./i18n";
import { clockTime } from "./time";

/** An incident in words: incident 10:12:40: phone, seat 7. */
export function incidentText(i: { at: string; kind: string; seat: number | null }): string {
  const seat = i.seat === null ? "" : `, ${say("seat", { n: i.seat })}`;
  return `${say("for_incident")} ${clockTime(new Date(i.at))}: ${sayCode("incident", i.kind)}${seat}`;
}
