/** An alarm of suspicious access (api/openapi.yaml). */
export interface Alarm {
  id: string;
  kind: string;
  who: string;
  session_id: string | null;
  at: string;
  count: number;
  detail: string;
  seen_by: string | null;
  seen_at: string | null;
  seen_note: string;
}

/** The alarms that nobody has looked at. */
export const unseen = "/alarms?unseen=true&limit=200";

const hour = 3600 * 1000;

/** Where the audit log shows what an alarm stands on: the day before it, of who it is about. */
export function evidenceOf(a: Alarm): string {
  const at = Date.parse(a.at);
  const query = new URLSearchParams({
    from: new Date(at - 24 * hour).toISOString(),
    to: new Date(at + hour).toISOString(),
  });
  if (a.who) query.set("who", a.who);
  if (a.session_id) query.set("session", a.session_id);
  return `/audit?${query.toString()}`;
}
