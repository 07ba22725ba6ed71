import type { Deletion } from "../lib/evidence";
import { say, sayCode } from "../lib/i18n";
import { when } from "../lib/time";

/** One deletion: when, under which rule, with its certificate once it is done. */
export function DeletionLine({ d, link = false }: { d: Deletion; link?: boolean }) {
  return (
    <div class="line">
      <span class="figures">{when(d.done_at ?? d.decided_at)}</span>
      {link && <a href={`/sessions/${d.session_id}`}>{say("session")}</a>}
      <span>{d.reason}</span>
      {d.done_at ? (
        <a href={`/v1/deletions/${d.id}/certificate`} download={`deletion-${d.id}.json`}>
          {say("certificate")}
        </a>
      ) : (
        <span class="attention">{sayCode("deletion", d.state)}</span>
      )}
    </div>
  );
}
