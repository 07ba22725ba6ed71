/** The shapes of accounts, clients and webhooks (api/openapi.yaml). */
export interface User {
  id: string;
  login: string;
  name: string;
  roles: string[];
  site_ids: string[];
  disabled: boolean;
  local: boolean;
  issuer: string;
  must_change: boolean;
  created_at: string;
  /** Made up by the server, said once. */
  password?: string;
}
export interface Client {
  id: string;
  name: string;
  roles: string[];
  scopes: string[] | null;
  site_ids: string[];
  certificate: string;
  created_at: string;
  expires_at: string;
  revoked_at: string | null;
  /** Said once. */
  token?: string;
}
export interface Webhook {
  id: string;
  name: string;
  url: string;
  source: string | null;
  kinds: string[];
  disabled: boolean;
  ended: boolean;
  rotating: boolean;
  created_at: string;
  /** Said once. */
  secret?: string;
}
export interface Delivery {
  notice: { id: string; number: number; kind: string; at: string };
  state: string;
  attempts: number;
  next_at: string | null;
  last_error: string;
  done_at: string | null;
}

/** The roles of people; the others are machines'. */
export const peopleRoles = ["supervisor", "reviewer", "approver", "security", "admin"];
