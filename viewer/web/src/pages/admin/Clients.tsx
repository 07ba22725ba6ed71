import { may } from "../../lib/api";
import type { Client } from "../../lib/admin";
import type { Page } from "../../lib/evidence";
import { say, sayCode } from "../../lib/i18n";
import { usePoll } from "../../lib/poll";
import { showOnce } from "../../lib/secret";
import { when } from "../../lib/time";
import { Acting } from "../../parts/Acting";
import { AdminNav } from "../../parts/AdminNav";
import { AskForm } from "../../parts/AskForm";
import { Asked, type Open, useOpen } from "../../parts/Asked";
import { Checks } from "../../parts/Checks";
import { Choice } from "../../parts/Choice";
import { Field } from "../../parts/Field";
import { ListState } from "../../parts/ListState";
import { Refused } from "../../parts/Refused";

/** The machines that may call: what they may do, until when. A citizenship system's token needs another's approval. */
export function Clients() {
  const list = usePoll<Page<Client>>(may("manage_users") ? "/client-tokens" : null, 10_000);
  const open = useOpen("client_token");
  if (!may("manage_users")) return <main class="page">{say("not_allowed")}</main>;
  const now = Date.now();
  const over = (c: Client) => c.revoked_at !== null || Date.parse(c.expires_at) <= now;
  const all = [...(list.value?.items ?? [])].sort(
    (a, b) => Number(over(a)) - Number(over(b)) || a.name.localeCompare(b.name),
  );
  return (
    <main class="page">
      <h1>{say("client_tokens")}</h1>
      <AdminNav />
      <div class="line">
        <NewClient />
        {may("ask_client_token") && <AskClient />}
      </div>
      {open.error && <Refused why={open.error} />}
      {open.requests.map((r) => (
        <div class="line" key={r.id}>
          <strong>{r.asked.client?.name}</strong> <Asked r={r} />
        </div>
      ))}
      <ListState of={list} none={say("no_clients")} />
      {all.length > 0 && <Rows all={all} over={over} open={open} />}
    </main>
  );
}

/** A machine that reads metrics or watches the log: made at once. */
function NewClient() {
  const roles = ["monitoring", "witness"].map((code) => ({ code, text: sayCode("role", code) }));
  return (
    <AskForm<Client>
      text={say("add_client")}
      path="/client-tokens"
      body={(f) => ({ name: f.get("name"), roles: [f.get("role")], days: Number(f.get("days")) })}
      done={(c) => showOnce(say("token_of", { name: c.name }), c.token)}
    >
      <Field name="name" label={say("name")} required focus maxLength={64} />
      <Choice name="role" label={say("role")} value="monitoring" options={roles} />
      <Days />
    </AskForm>
  );
}

const Days = () => (
  <Field name="days" label={say("valid_days")} type="number" min={1} max={730} value={365} required />
);

const citizenshipActs = ["push_session", "push_event", "read_notices"];

/** Asks for a token of the citizenship system; it is said once, to who asked, when the approved request is used. */
function AskClient() {
  return (
    <AskForm text={say("ask_client_token")} path="/requests" body={askBody}>
      <Field name="name" label={say("source")} required focus maxLength={64} />
      <Checks
        name="scope"
        label={say("scopes")}
        ticked={citizenshipActs}
        options={citizenshipActs.map((code) => ({ code, text: sayCode("act", code) }))}
      />
      <Days />
      <label class="field whole">
        <span>{say("certificate_pem")}</span>
        <textarea name="certificate" rows={4} placeholder="-----BEGIN CERTIFICATE-----" />
      </label>
      <Field name="reason" label={say("reason")} required />
    </AskForm>
  );
}

function askBody(f: FormData): Record<string, unknown> {
  const certificate = String(f.get("certificate") ?? "").trim();
  return {
    kind: "client_token",
    client: {
      name: f.get("name"),
      roles: ["citizenship"],
      scopes: f.getAll("scope"),
      days: Number(f.get("days")),
      ...(certificate && { certificate }),
    },
    reason: f.get("reason"),
  };
}

function Rows({ all, over, open }: { all: Client[]; over: (c: Client) => boolean; open: Open }) {
  return (
    <table>
      <thead>
        <tr>
          <th>{say("name")}</th>
          <th>{say("role")}</th>
          <th>{say("scopes")}</th>
          <th>{say("valid_until")}</th>
          <th>{say("change")}</th>
        </tr>
      </thead>
      <tbody>
        {all.map((c) => (
          <tr key={c.id} data-client={c.name}>
            <td>
              {c.name}
              {c.certificate && (
                <div class="quiet">
                  {say("client_certificate")} <code title={c.certificate}>{c.certificate.slice(0, 16)}…</code>
                </div>
              )}
            </td>
            <td>{c.roles.map((r) => sayCode("role", r)).join(", ")}</td>
            <td>{c.scopes ? c.scopes.map((a) => sayCode("act", a)).join(", ") : say("all_of_role")}</td>
            <td class="figures">
              {c.revoked_at ? (
                <span class="failed">✕ {say("revoked_at", { time: when(c.revoked_at) })}</span>
              ) : (
                <span class={over(c) ? "quiet" : ""}>{when(c.expires_at)}</span>
              )}
            </td>
            <td>{!over(c) && <Changes c={c} open={open} />}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The next token, which the old one overlaps with, and the end. */
function Changes({ c, open }: { c: Client; open: Open }) {
  const asked = c.roles.includes("citizenship");
  const machine = c.roles.every((r) => r === "monitoring" || r === "witness"); // people's roles: at the server itself only
  const waits = open.requests.some((r) => r.asked.client?.follows === c.id);
  const overlap = (
    <Field
      name="overlap"
      label={say("overlap_minutes")}
      type="number"
      min={0}
      max={43_200}
      value={60}
      required
    />
  );
  const minutes = (f: FormData) => Number(f.get("overlap"));
  return (
    <div class="actions">
      {asked && !waits && may("ask_client_token") && (
        <AskForm
          text={say("ask_rotation")}
          path="/requests"
          body={(f) => ({
            kind: "client_token",
            client: { follows: c.id, overlap_minutes: minutes(f) },
            reason: f.get("reason"),
          })}
        >
          {overlap}
          <Field name="reason" label={say("reason")} required focus />
        </AskForm>
      )}
      {machine && (
        <AskForm<Client>
          text={say("rotate")}
          path={`/client-tokens/${c.id}/rotation`}
          body={(f) => ({ overlap_minutes: minutes(f) })}
          done={(x) => showOnce(say("token_of", { name: x.name }), x.token)}
        >
          {overlap}
        </AskForm>
      )}
      <Acting
        path={`/client-tokens/${c.id}`}
        method="DELETE"
        text={say("revoke_token")}
        label={`${say("revoke_token")}: ${c.name}`}
        sure
      />
    </div>
  );
}
