import type { Request } from "../lib/foureyes";
import { say } from "../lib/i18n";
import { dateTime } from "../lib/time";
import { Acting } from "./Acting";

/** Where one's own requests to see this session stand, and what was approved and not begun. */
export function MyRequests({ requests }: { requests: Request[] }) {
  const open = requests.filter((r) => r.state === "requested" || r.state === "approved");
  const refused = requests.find((r) => r.state === "refused");
  return (
    <div role="status">
      {open.map((r) => (
        <div class="line" key={r.id} data-request={r.id}>
          {r.state === "approved" ? (
            <>
              <span class="good">
                ✓ {say("grant_approved", { who: r.decided_by, time: dateTime(new Date(r.expires_at)) })}
              </span>
              {r.can.includes("use") && <Acting path={`/requests/${r.id}/use`} text={say("begin")} />}
            </>
          ) : (
            <span class="attention">▲ {say("grant_waits", { time: dateTime(new Date(r.expires_at)) })}</span>
          )}
          <a href="/requests">{say("see_requests")}</a>
        </div>
      ))}
      {open.length === 0 && refused && (
        <p class="failed">
          ✕ {say("refused_because")}: {refused.note} ({refused.decided_by})
        </p>
      )}
    </div>
  );
}
