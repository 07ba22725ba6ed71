import { may, type Session } from "../lib/api";
import { say } from "../lib/i18n";
import { Acting } from "./Acting";
import { AskForm } from "./AskForm";
import { Field } from "./Field";

/** The source's wish to cancel a session that runs: a person decides, and what was recorded stays either way. */
export function Cancellation({ session }: { session: Session }) {
  if (!session.cancel_asked) return null;
  const path = `/exam-sessions/${session.id}/cancellation`;
  return (
    <section class="panel" aria-label={say("cancellation")}>
      <h2 class="attention">▲ {say("cancellation")}</h2>
      <p>{say("cancel_asked", { source: session.source })}</p>
      {may("confirm_cancel") && (
        <div class="actions">
          <AskForm text={say("confirm_cancel")} path={path} body={(f) => ({ reason: f.get("reason") })}>
            <Field name="reason" label={say("reason")} required focus />
            <p class="attention">▲ {say("cancel_ends")}</p>
          </AskForm>
          <Acting path={path} method="DELETE" text={say("refuse_cancel")} sure />
        </div>
      )}
    </section>
  );
}

/** Says which session of the citizenship system one is that was started by hand. */
export function LinkSession({ session }: { session: Session }) {
  if (session.link)
    return (
      <p class="quiet">
        {say("linked_to", {
          id: session.link.external_id,
          source: session.link.source,
          who: session.link.by,
        })}
      </p>
    );
  if (session.source !== "ad-hoc" || !may("link_session")) return null;
  return (
    <AskForm
      text={say("link_session")}
      path={`/exam-sessions/${session.id}/link`}
      method="PUT"
      body={Object.fromEntries}
    >
      <Field name="source" label={say("source")} required focus maxLength={64} />
      <Field name="external_id" label={say("id")} required maxLength={64} />
    </AskForm>
  );
}
