import type { Session } from "./api";
import type { Incident } from "./exam";
import type { Deletion, Export, Hold, Policy } from "./evidence";

/** The shapes of requests, grants and appeals (api/openapi.yaml). */
export interface Asked {
  session_id: string | null;
  camera_ids: string[];
  from: string | null;
  to: string | null;
  clip_from: string | null;
  clip_to: string | null;
  until: string | null;
  appeal: string;
  incident_id: string | null;
  purpose: string;
  recipient_name: string;
  recipient_kind: string;
  recipient: string;
  user_id: string | null;
  roles: string[];
  site_ids: string[];
  client: AskedClient | null;
  hold_id: string | null;
  policy_id: string | null;
  recording_id: string | null;
}
export interface AskedClient {
  name: string;
  roles: string[];
  scopes: string[] | null;
  certificate: string;
  token: boolean;
  days: number;
  follows: string | null;
  overlap_minutes: number;
}
interface SiteFact {
  code: string;
  name: string;
}
export interface Summary {
  external_id: string;
  room_code: string;
  cameras: string[];
  footage: {
    bytes: number;
    seconds: number;
    segments: number;
    cameras: number;
    from: string | null;
    to: string | null;
  } | null;
  recipient: { fingerprint: string; packages: number; other_keys: number; other_names: string[] } | null;
  incident:
    | (Pick<Incident, "state" | "at" | "kind" | "seat" | "note" | "by"> & {
        camera_name: string;
        recorded_at: string;
      })
    | null;
  hold: Hold | null;
  policy: Policy | null;
  user: { login: string; name: string; roles: string[]; sites: SiteFact[] } | null;
  sites: SiteFact[];
  client: { certificate: string; until: string | null; same_name: number } | null;
  recording: { camera_name: string; state: string; window: { from: string; to: string } } | null;
}
export type Can = "approve" | "refuse" | "withdraw" | "amend" | "use";
export interface Request {
  id: string;
  kind: string;
  state: string;
  asked: Asked;
  summary: Summary;
  reason: string;
  digest: string;
  asked_by: string;
  asked_by_id: string;
  asked_at: string;
  expires_at: string;
  decided_by: string;
  decided_at: string | null;
  note: string;
  used_at: string | null;
  used_for: string;
  can: Can[];
}
export interface Grant {
  id: string;
  session_id: string;
  external_id: string;
  holder: string;
  camera_ids: string[];
  from: string | null;
  to: string | null;
  reason: string;
  appeal: string;
  approved_by: string;
  began_at: string;
  expires_at: string;
  revoked_at: string | null;
  revoked_by: string;
  state: string;
  mine: boolean;
}
export interface Appeal {
  id: string;
  session_id: string;
  external_id: string;
  reference: string;
  source: string;
  state: string;
  opened_by: string;
  opened_at: string;
  court_at: string | null;
  final_at: string | null;
  closed_at: string | null;
  closed_by: string;
  can: string[];
}
export interface AppealFile {
  appeal: Appeal;
  session: Session;
  holds: (Hold & { released_by: string; released_at: string | null })[];
  events: { id: string; kind: string; at: string; received_at: string }[];
  requests: Request[];
  grants: Grant[];
  exports: Export[];
  deletions: Deletion[];
}
/** The waiting requests of others. */
export const waiting = "/requests?state=requested&mine=false&limit=200";

/** Whether a request waits for this person: what they can only refuse, or refuse still, waits for others. */
export const decidable = (r: Request) => r.can.includes("approve");

/** Whether anything can still come of a request. */
export const isOpen = (r: Request) => r.state === "requested" || r.state === "approved";

/** A digest in groups of four, as people compare them. */
export const grouped = (digest: string) => digest.match(/.{1,4}/g)?.join(" ") ?? "";
