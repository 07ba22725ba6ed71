import type { Policy } from "../lib/evidence";
import type { AskedClient, Request } from "../lib/foureyes";
import { say, sayCode } from "../lib/i18n";
import { incidentText } from "../lib/incident";
import { period } from "../lib/period";
import { exactTime, when } from "../lib/time";
import { Fact } from "./Fact";

/** What the looking or the handing out is for. */
export function CaseFact({ r: { asked: a, summary: s } }: { r: Request }) {
  const of = [
    a.appeal && say("for_appeal", { ref: a.appeal }),
    a.incident_id && (s.incident ? incidentText(s.incident) : `${say("for_incident")} ${a.incident_id}`),
    a.purpose && sayCode("purpose", a.purpose),
  ].filter(Boolean);
  if (of.length === 0) return null;
  const i = s.incident;
  return (
    <Fact name={say("case")}>
      {of.join(", ")}
      {i && (
        <div class="quiet">
          {[
            sayCode("mark", i.state),
            i.camera_name,
            i.note,
            say("marked_by", { who: i.by, time: exactTime(new Date(i.recorded_at)) }),
          ]
            .filter(Boolean)
            .join(" · ")}
        </div>
      )}
    </Fact>
  );
}

/** The hold, the policy, the account or the client that a request is about. */
export function About({ r }: { r: Request }) {
  const { hold, policy } = r.summary;
  return (
    <>
      {hold && (
        <Fact name={say("hold")}>
          {sayCode("hold", hold.kind)} {hold.reference}: {hold.reason}
        </Fact>
      )}
      {policy && <PolicyFacts p={policy} />}
      {r.kind === "roles" && <RolesFacts r={r} />}
      {r.asked.client && <ClientFacts client={r.asked.client} r={r} />}
    </>
  );
}

/** Every term of a policy, and what it takes away of the one in force. */
function PolicyFacts({ p }: { p: Policy }) {
  return (
    <>
      <Fact name={say("policy")}>
        {p.name} {p.version}: {p.purpose}, {p.legal_basis}
      </Fact>
      <Fact name={say("keep")}>{period(p.keep)}</Fact>
      <Fact name={say("ceiling")}>{period(p.unanchored)}</Fact>
      <Fact name={say("warn_before")}>{period(p.warn_before)}</Fact>
      <Fact name={say("after_appeal")}>{period(p.after_appeal)}</Fact>
      <Fact name={say("holds_for")}>{say(p.retroactive ? "retroactive_too" : "from_now_on")}</Fact>
      {p.shortens && (
        <Fact name={say("shortens")}>
          <strong class="attention">▲ {say(p.retroactive ? "shortens_all" : "shortens_new")}</strong>
          <div class="quiet">{p.notice}</div>
        </Fact>
      )}
    </>
  );
}

const rolesText = (list: string[]) => list.map((x) => sayCode("role", x)).join(", ") || say("no_roles");
const sitesText = (list: { code: string; name: string }[]) =>
  list.map((s) => `${s.name} (${s.code})`).join(", ") || say("no_sites_of_user");

/** What an account is now and what it shall be, roles and sites. */
function RolesFacts({ r: { asked: a, summary: s } }: { r: Request }) {
  return (
    <>
      {s.user && (
        <>
          <Fact name={say("user")}>
            {s.user.name} ({s.user.login})
          </Fact>
          <Fact name={say("roles_now")}>{rolesText(s.user.roles)}</Fact>
          <Fact name={say("sites_now")}>{sitesText(s.user.sites)}</Fact>
        </>
      )}
      <Fact name={say("roles_asked")}>{rolesText(a.roles)}</Fact>
      <Fact name={say("sites_asked")}>{sitesText(s.sites)}</Fact>
    </>
  );
}

/** A machine that is to be let in: its name is the source of what it pushes. */
function ClientFacts({ client: x, r: { summary: s } }: { client: AskedClient; r: Request }) {
  const same = s.client?.same_name ?? 0;
  return (
    <>
      <Fact name={say("client_token")}>
        {x.name}
        {same > 0 && <div class="attention">▲ {say("same_name", { n: same })}</div>}
      </Fact>
      <Fact name={say("roles_asked")}>{rolesText(x.roles)}</Fact>
      <Fact name={say("scopes")}>
        {x.scopes?.map((a) => sayCode("act", a)).join(", ") || say("all_of_role")}
      </Fact>
      {x.follows ? (
        <Fact name={say("follows")}>
          <code>{x.follows}</code> · {say("overlap_minutes")}: {x.overlap_minutes}
        </Fact>
      ) : (
        <Fact name={say("valid_days")}>{x.days}</Fact>
      )}
      {s.client?.certificate && (
        <Fact name={say("key_fingerprint")}>
          <code>{s.client.certificate}</code>
          {s.client.until && ` · ${say("valid_until")} ${when(s.client.until)}`}
        </Fact>
      )}
      <Fact name={say("proves_by")}>
        {[x.certificate && say("client_certificate"), x.token && say("client_token")]
          .filter(Boolean)
          .join(" + ") || say("client_token")}
      </Fact>
    </>
  );
}
