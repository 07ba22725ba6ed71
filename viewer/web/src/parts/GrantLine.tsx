import { may } from "../lib/api";
import type { Grant } from "../lib/foureyes";
import { say, sayCode } from "../lib/i18n";
import { when, span } from "../lib/time";
import { Acting } from "./Acting";

/** One grant: whose, of what, until when; its holder may give it back, others may revoke it. */
export function GrantLine({ g }: { g: Grant }) {
  const ends = g.state === "active" && (g.mine || may("revoke_grant"));
  return (
    <div class="line" data-grant={g.id}>
      <strong>{g.holder}</strong>
      <span class={g.state === "active" ? "good" : "quiet"}>{sayCode("grant", g.state)}</span>
      <span>{say("grant_line", { time: when(g.expires_at), who: g.approved_by })}</span>
      <span>{g.from && g.to ? span(new Date(g.from), new Date(g.to)) : say("whole_session")}</span>
      <span class="quiet">{g.reason}</span>
      {g.revoked_by && <span class="quiet">{g.revoked_by}</span>}
      <span class="grow" />
      {ends && (
        <Acting
          path={`/grants/${g.id}`}
          method="DELETE"
          text={say(g.mine ? "give_back" : "take_away")}
          sure
        />
      )}
    </div>
  );
}
