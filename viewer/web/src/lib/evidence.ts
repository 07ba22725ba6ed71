import type { Span } from "./api";

/** The shapes of the evidence and retention routes (api/openapi.yaml). */
export interface CoverageGap {
  id: string;
  from: string;
  to: string | null;
  cause: string;
  detail: string;
  logged: boolean;
}
export interface CoverageRecording {
  id: string;
  camera_id: string;
  camera_name: string;
  state: string;
  window: Span;
  expected_s: number;
  recorded_s: number;
  missing_s: number;
  exact: boolean;
  holes: Span[];
  gaps: CoverageGap[];
  clock: { offset_ms_min: number | null; offset_ms_max: number | null; quality: string };
  segments: number;
  logged: number;
  sealed_at: string | null;
  seal_sha256: string | null;
}
export interface Coverage {
  session_id: string;
  verdict: string;
  log_size: number;
  recordings: CoverageRecording[];
}
export interface Export {
  id: string;
  session_id: string;
  purpose: string;
  recipient_name: string;
  recipient: string;
  requested_by: string;
  requested_at: string;
  state: string;
  done_bytes: number;
  total_bytes: number;
  size: number;
  sha256: string | null;
  sealed_at: string | null;
  collected_at: string | null;
  error: string;
}
export interface LogState {
  size: number;
  at: string | null;
  staged: number;
  oldest_staged_at: string | null;
  fingerprint: string;
  witnesses: { name: string; size: number; at: string | null }[];
}
export interface LogCheck {
  state: string;
  progress: number;
  result: { violations: { object: string; message: string }[]; first_broken: string | null } | null;
}
export interface AuditEntry {
  id: string;
  at: string;
  who: string;
  act: string;
  object: string;
  session_id: string | null;
  camera_id: string | null;
  from: string | null;
  to: string | null;
  outcome: string;
  detail: string;
  address: string;
  log_index: number | null;
}
export interface Period {
  months: number;
  days: number;
}
export interface Policy {
  id: string;
  name: string;
  version: number;
  purpose: string;
  legal_basis: string;
  keep: Period;
  unanchored: Period;
  warn_before: Period;
  after_appeal: Period;
  retroactive: boolean;
  state: string;
  drafted_by: string;
  drafted_by_id: string;
  approved_by: string;
  approved_at: string | null;
  shortens: boolean;
  notice: string;
}
export interface PlanRow {
  recording_id: string;
  session_id: string;
  external_id: string;
  camera_id: string;
  camera_name: string;
  bytes: number;
  due: boolean;
  due_at: string | null;
  started: boolean;
  reason: string;
  blocked_by: string;
  alarms: string[];
}
export interface Hold {
  id: string;
  session_id: string;
  kind: string;
  reference: string;
  reason: string;
  placed_by: string;
  placed_at: string;
  release_asked_by: string;
  release_asked_by_id: string;
  release_due: string | null;
  active: boolean;
}
export interface Deletion {
  id: string;
  recording_id: string;
  session_id: string;
  reason: string;
  due_at: string;
  decided_at: string;
  state: string;
  done_at: string | null;
}
export interface Page<T> {
  items: T[];
  next_before?: string | null;
}
