import { may } from "../lib/api";
import type { Page } from "../lib/evidence";
import type { Request } from "../lib/foureyes";
import { say } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { showOnce } from "../lib/secret";
import { when } from "../lib/time";
import { Acting } from "./Acting";
import { AskForm } from "./AskForm";
import { Field } from "./Field";
import { Refused } from "./Refused";

export interface Open {
  requests: Request[];
  error: string;
}

/** One's own requests of a kind that wait for an approver or for their use. */
export function useOpen(kind: string): Open {
  const path = `/requests?mine=true&state=requested,approved&kind=${kind}&limit=200`;
  const list = usePoll<Page<Request>>(may("view_requests") ? path : null, 5000);
  return { requests: list.value?.items ?? [], error: list.error };
}

/** The button that uses what was approved: of a grant it begins the viewing. What the server says once is shown. */
export function UseRequest({ r }: { r: Request }) {
  if (!r.can.includes("use")) return null;
  return (
    <Acting<{ token?: string }>
      path={`/requests/${r.id}/use`}
      text={say(r.kind === "grant" ? "begin" : "use_request")}
      done={(made) => showOnce(say("token_of", { name: r.asked.client?.name ?? "" }), made.token)}
    />
  );
}

/** Where a request of one's own waits; what was approved is used here. */
export function Asked({ r }: { r: Request }) {
  const time = when(r.expires_at);
  return (
    <span class="asked" data-request={r.id}>
      {r.state === "approved" ? (
        <>
          <span class="good">
            ✓ {say(r.kind === "grant" ? "grant_approved" : "use_before", { who: r.decided_by, time })}
          </span>{" "}
          <UseRequest r={r} />
        </>
      ) : (
        <span class="attention">▲ {say("grant_waits", { time })}</span>
      )}{" "}
      <a href="/requests">{say("see_requests")}</a>
    </span>
  );
}

interface Props {
  kind: string;
  /** What it is about, as the body names it. */
  about: Record<string, string>;
  text: string;
  open: Open;
  /** Finds the request about the same thing. */
  same: (r: Request) => boolean;
}

/** Asks another person for one thing, with a reason, or says where that stands. */
export function AskOnce({ kind, about, text, open, same }: Props) {
  const asked = open.requests.find(same);
  if (asked) return <Asked r={asked} />;
  if (!may(`ask_${kind}`)) return open.error ? <Refused why={open.error} /> : null;
  return (
    <>
      <AskForm text={text} path="/requests" body={(f) => ({ kind, ...about, reason: f.get("reason") })}>
        <Field name="reason" label={say("reason")} required focus />
      </AskForm>
      {open.error && <Refused why={open.error} />}
    </>
  );
}
