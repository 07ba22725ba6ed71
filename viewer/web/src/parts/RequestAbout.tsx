import type { Site } from "../lib/api";
import { may } from "../lib/api";
import type { Page, Policy } from "../lib/evidence";
import type { Request } from "../lib/foureyes";
import { say, sayCode } from "../lib/i18n";
import { incidentText } from "../lib/incident";
import { period } from "../lib/period";
import { usePoll } from "../lib/poll";
import { Fact } from "./Fact";

/** What the looking or the handing out is for. */
export function CaseFact({ r: { asked: a, summary: s } }: { r: Request }) {
  const of = [
    a.appeal && say("for_appeal", { ref: a.appeal }),
    a.incident_id && (s.incident ? incidentText(s.incident) : `${say("for_incident")} ${a.incident_id}`),
    a.purpose && sayCode("purpose", a.purpose),
  ].filter(Boolean);
  if (of.length === 0) return null;
  return (
    <Fact name={say("case")}>
      {of.join(", ")}
      {s.incident?.note && <div class="quiet">{s.incident.note}</div>}
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
      {r.kind === "client_token" && <ClientFacts r={r} />}
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

/** The names of sites; an ID where the reader may not see the site. */
function useSites(): (ids: string[]) => string {
  const sites = usePoll<Page<Site>>(may("view_sites") ? "/sites" : null, 60_000);
  const name = (id: string) => sites.value?.items.find((s) => s.id === id)?.name ?? id;
  return (ids) => ids.map(name).join(", ") || say("no_sites_of_user");
}

function RolesFacts({ r: { asked: a, summary: s } }: { r: Request }) {
  const sites = useSites();
  return (
    <>
      {s.user && (
        <>
          <Fact name={say("user")}>
            {s.user.name} ({s.user.login})
          </Fact>
          <Fact name={say("roles_now")}>{rolesText(s.user.roles)}</Fact>
          <Fact name={say("sites_now")}>{sites(s.user.site_ids)}</Fact>
        </>
      )}
      <Fact name={say("roles_asked")}>{rolesText(a.roles)}</Fact>
      <Fact name={say("sites_asked")}>{sites(a.site_ids)}</Fact>
    </>
  );
}

/** A machine's token: its name is the source of what it pushes. */
function ClientFacts({ r: { asked: a } }: { r: Request }) {
  return (
    <>
      <Fact name={say("client_token")}>{a.name}</Fact>
      <Fact name={say("roles_asked")}>{rolesText(a.roles)}</Fact>
      <Fact name={say("scopes")}>
        {a.scopes?.map((x) => sayCode("act", x)).join(", ") || say("all_of_role")}
      </Fact>
    </>
  );
}
