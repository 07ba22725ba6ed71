import { expect, type Locator } from "@playwright/test";
import type { Asked, Request } from "../src/lib/foureyes";

const clock = (instant: string | null) =>
  new Intl.DateTimeFormat("lv-LV", {
    timeZone: "Europe/Riga",
    hourCycle: "h23",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).format(new Date(instant ?? 0));
const minute = (instant: string | null) => clock(instant).slice(0, 5);
const roles: Record<string, string> = {
  supervisor: "uzraugs",
  reviewer: "izskatītājs",
  citizenship: "pilsonības sistēma",
};
const acts: Record<string, string> = {
  push_session: "sesijas nosūtīšana",
  push_event: "notikuma paziņošana",
};

/** How each field that can be asked for stands in the card of a request. */
const said: Record<keyof Asked, (r: Request) => string[]> = {
  session_id: (r) => [r.summary.external_id, `telpa ${r.summary.room_code}`],
  camera_ids: (r) => r.summary.cameras,
  from: (r) => [clock(r.asked.from)],
  to: (r) => [clock(r.asked.to)],
  clip_from: (r) => ["Skatīšanās kopija", clock(r.asked.clip_from)],
  clip_to: (r) => [clock(r.asked.clip_to)],
  until: (r) => ["Skatīt līdz", minute(r.asked.until)],
  appeal: (r) => [`apstrīdēšana ${r.asked.appeal}`],
  incident_id: (r) => [
    `incidents ${clock(r.summary.incident!.at)}`,
    r.summary.incident!.note,
    r.summary.incident!.by,
  ],
  purpose: () => ["filmētās personas lūgums"],
  recipient_name: (r) => [r.asked.recipient_name],
  recipient_kind: () => ["apstrīdēšanas komisija"],
  recipient: (r) => [r.asked.recipient, r.summary.recipient!.fingerprint.slice(0, 4)],
  user_id: (r) => [`${r.summary.user!.name} (${r.summary.user!.login})`],
  roles: (r) => ["Lomas tagad", "Lomas pēc tam", ...r.asked.roles.map((x) => roles[x]!)],
  site_ids: (r) => ["Vietas tagad", "Vietas pēc tam", ...r.summary.sites.map((s) => `${s.name} (${s.code})`)],
  client: (r) => [
    r.asked.client!.name,
    ...r.asked.client!.roles.map((x) => roles[x]!),
    ...(r.asked.client!.scopes ?? []).map((x) => acts[x]!),
    String(r.asked.client!.days),
  ],
  hold_id: (r) => [r.summary.hold!.reference, r.summary.hold!.reason],
  policy_id: (r) => [
    `${r.summary.policy!.name} ${r.summary.policy!.version}`,
    r.summary.policy!.purpose,
    r.summary.policy!.legal_basis,
  ],
  recording_id: (r) => [r.summary.recording!.camera_name],
};

/** The card of a request says everything that is asked for: whatever is set stands there, with who, why and the digest. */
export async function saysAll(card: Locator, r: Request) {
  const set = Object.entries(r.asked).filter(([, v]) => (Array.isArray(v) ? v.length > 0 : Boolean(v)));
  expect(set.length).toBeGreaterThan(0);
  for (const [field] of set) {
    const words = said[field as keyof Asked];
    expect(words, `nobody knows how ${field} stands in the card`).toBeTruthy();
    for (const text of words(r)) {
      expect(text, field).toBeTruthy();
      await expect(card, field).toContainText(text);
    }
  }
  for (const text of [r.asked_by, r.reason, r.digest.match(/.{4}/g)!.join(" ")])
    await expect(card).toContainText(text);
}
