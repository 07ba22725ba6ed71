/** The shapes of what happens at an exam (api/openapi.yaml). */
export interface ReadinessItem {
  check: string;
  outcome: string;
  fact: string;
  value: number;
  unit: string;
  measured: string;
}
export interface CameraReadiness {
  camera_id: string;
  name: string;
  state: string;
  when: string | null;
  at: string | null;
  items: ReadinessItem[];
  reason: string;
  by: string;
  checking: boolean;
}
export interface Readiness {
  state: string;
  ready: boolean;
  needs_reason: boolean;
  cameras: CameraReadiness[];
  signed_off: { at: string; by: string; reason: string } | null;
  running: { started_at: string; total: number; done: number } | null;
}
export interface IncidentRow {
  id: string;
  step: string;
  at: string;
  seat: number | null;
  kind: string;
  note: string;
  by: string;
  recorded_at: string;
}
export interface Incident {
  id: string;
  state: string;
  at: string;
  camera_id: string | null;
  seat: number | null;
  kind: string;
  note: string;
  by: string;
  rows: IncidentRow[];
}
export interface PartNow {
  part_id: string;
  kind: string;
  starts_at: string;
  ends_at: string;
  sound: boolean;
  state: string;
  running: { from: string; to: string | null }[];
}
export interface PartEvent {
  id: string;
  part_id: string;
  step: string;
  at: string;
  corrects: string | null;
  void: boolean;
  note: string;
  by: string;
  recorded_at: string;
}
export interface Parts {
  parts: PartNow[];
  events: PartEvent[];
}

/** A fresh ID in the API's form, so that what is sent again over a bad line is taken once. */
export function newID(): string {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
