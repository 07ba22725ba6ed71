import { signal } from "@preact/signals";

/** The shapes of the API (api/openapi.yaml). */
export interface Me {
  id: string;
  name: string;
  login: string;
  roles: string[];
  site_ids: string[];
  acts: string[];
  must_change: boolean;
  local: boolean;
  prove_by: Proving[];
  sign_in: SignedIn | null;
}
export type Proving = "password" | "passkey" | "oidc";
export interface SignedIn {
  id: string;
  method: Proving;
  created_at: string;
  seen_at: string;
  expires_at: string;
  address: string;
  agent: string;
  current: boolean;
}
export interface SignInWays {
  password: boolean;
  passkey: boolean;
  oidc: { name: string } | null;
}
export interface Site {
  id: string;
  code: string;
  name: string;
}
export interface CameraStatus {
  connected: boolean;
  since: string | null;
  last_frame_age_ms: number | null;
  fps: number;
  bitrate: number;
  recording: boolean;
  session_id: string | null;
  last_durable_age_ms: number | null;
  gap_open_since: string | null;
  gap_cause: string | null;
}
export interface Camera {
  id: string;
  name: string;
  site_id: string;
  room_id: string | null;
  room_code: string | null;
  model: string;
  state: string;
  streams: { role: string; video: string; audio: string; width: number; height: number }[];
  status: CameraStatus | null;
}
export interface Part {
  id: string;
  kind: string;
  starts_at: string;
  ends_at: string;
  sound: boolean;
}
export interface Session {
  id: string;
  external_id: string;
  room_code: string;
  starts_at: string;
  ends_at: string;
  seats: number;
  state: string;
  source: string;
  cancel_asked: boolean;
  parts: Part[];
  link?: { source: string; external_id: string; by: string } | null;
}
export interface Span {
  from: string;
  to: string;
}
export interface Gap {
  id: string;
  from: string;
  to: string | null;
  cause: string;
}
export interface Recording {
  id: string;
  camera_id: string;
  camera_name: string;
  state: string;
  window: Span;
  expected_s: number;
  recorded_s: number;
  missing_s: number;
  exact: boolean;
  segments: { id: string; from: string; to: string }[];
  gaps: Gap[];
  growing: Span | null;
}
export interface Timeline {
  session_id: string;
  window: Span;
  now: string;
  recordings: Recording[];
  parts: Part[];
}

/** What the server answered when it said no: always a code, a sentence and perhaps a field. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field = "",
  ) {
    super(field ? `${field}: ${message}` : message);
  }
}

/** Who is signed in; undefined until asked, null for nobody. */
export const me = signal<Me | null | undefined>(undefined);

async function refusal(r: Response): Promise<Refusal> {
  const body: unknown = await r.json().catch(() => null);
  const e = (body as { error?: { code: string; message: string; field?: string } } | null)?.error;
  return new Refusal(r.status, e?.code ?? "internal", e?.message ?? r.statusText, e?.field);
}

/** Counts the changes that this page made, so that what shows them is read anew at once. */
export const changes = signal(0);

/** Asks the person to prove again that they are there; false when they would not. The Proof dialog sets it. */
export const prover: { ask: (() => Promise<boolean>) | null } = { ask: null };

/** One call. A 401 signs the page out; what needs a fresh proof asks for it and tries again; other refusals are thrown. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  try {
    return await send<T>(method, path, body);
  } catch (e) {
    const stale = e instanceof Refusal && e.code === "not_fresh";
    if (!stale || !prover.ask || !(await prover.ask())) throw e;
  }
  return send<T>(method, path, body);
}

async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const r = await fetch(`/v1${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  });
  if (!r.ok) {
    if (r.status === 401) me.value = null;
    throw await refusal(r);
  }
  if (method !== "GET") changes.value++;
  return (r.status === 204 ? undefined : await r.json()) as T;
}

/** Sends an SDP offer; returns the answer and the address that ends the session. */
export async function offer(path: string, sdp: string, signal?: AbortSignal) {
  const r = await fetch(`/v1${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: sdp,
    signal: signal ?? null,
  });
  if (!r.ok) throw await refusal(r);
  return { sdp: await r.text(), location: r.headers.get("Location") ?? "" };
}

/** Ends a WebRTC session, also while the page is being left. */
export function hangUp(location: string) {
  if (location) void fetch(location, { method: "DELETE", keepalive: true }).catch(() => undefined);
}

export const may = (act: string) => me.value?.acts.includes(act) ?? false;
