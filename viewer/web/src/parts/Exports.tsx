import { may } from "../lib/api";
import type { Export, Page } from "../lib/evidence";
import { choices, say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { bytes, rigaInstant, when } from "../lib/time";
import { Asked, useOpen } from "./Asked";
import { AskForm } from "./AskForm";
import { Case, caseOf, useCases } from "./Case";
import { Choice } from "./Choice";
import { Field } from "./Field";
import { Refused } from "./Refused";

/** Asks for an evidence package of a session, which another person approves, and follows it until it can be fetched. */
export function Exports({ session, sealed }: { session: string; sealed: boolean }) {
  const asked = useOpen("export");
  const list = usePoll<Page<Export>>(may("export") ? `/exports?session=${session}` : null, 2000);
  if (!may("export")) return null;
  return (
    <section class="panel" aria-label={say("packages")}>
      <h2>{say("packages")}</h2>
      {list.error && <Refused why={list.error} />}
      {list.value?.items.map((e) => (
        <One key={e.id} e={e} />
      ))}
      {asked.error && <Refused why={asked.error} />}
      {asked.requests
        .filter((r) => r.asked.session_id === session)
        .map((r) => (
          <div class="line" key={r.id}>
            <span>
              {r.asked.recipient_name} · {r.reason}
            </span>
            <Asked r={r} />
          </div>
        ))}
      {sealed ? <Ask session={session} /> : <p class="quiet">{say("export_when_sealed")}</p>}
    </section>
  );
}

function One({ e }: { e: Export }) {
  const ready = e.state === "sealed" || e.state === "collected";
  return (
    <div class="line">
      <span>
        {when(e.requested_at)} · {e.recipient_name} · {e.purpose}
        {e.recipient && ` · ${say("encrypted")}`}
      </span>
      {ready ? (
        <a href={`/v1/exports/${e.id}/content`} download>
          {say("fetch_package", { size: bytes(e.size) })}
        </a>
      ) : e.state === "building" && e.total_bytes > 0 ? (
        <span>
          {sayCode("export", e.state)} {Math.min(100, Math.floor((100 * e.done_bytes) / e.total_bytes))} %{" "}
          <progress max={e.total_bytes} value={e.done_bytes} aria-label={sayCode("export", e.state)} />
        </span>
      ) : (
        <span class={e.state === "failed" ? "failed" : "quiet"}>{sayCode("export", e.state)}</span>
      )}
      {e.sha256 && <code title={e.sha256}>SHA-256 {e.sha256.slice(0, 16)}…</code>}
      {e.error && <Refused why={e.error} />}
    </div>
  );
}

/** The body of the request; what was left empty is left out. */
function body(session: string, f: FormData): Record<string, unknown> {
  const text = (name: string) => String(f.get(name) ?? "");
  const clip = (name: string) => (text(name) ? { [name]: rigaInstant(text(name)) } : {});
  return {
    kind: "export",
    session_id: session,
    reason: text("reason"),
    recipient_kind: text("recipient_kind"),
    recipient_name: text("recipient_name"),
    recipient: text("recipient"),
    ...caseOf(f),
    ...clip("clip_from"),
    ...clip("clip_to"),
  };
}

function Ask({ session }: { session: string }) {
  const cases = useCases(session, "all");
  const clip = (name: "clip_from" | "clip_to") => (
    <Field name={name} label={`${say(name)} (${say("tz")})`} type="datetime-local" step={1} />
  );
  return (
    <AskForm text={say("ask_package")} path="/requests" body={(f) => body(session, f)}>
      <Field name="reason" label={say("purpose")} required focus />
      <Choice name="recipient_kind" label={say("kind")} value="appeal_board" options={choices("recipient")} />
      <Field name="recipient_name" label={say("recipient")} required />
      <Field name="recipient" label={say("recipient_key")} placeholder="age1…" />
      <Case cases={[{ code: "", text: say("no_one_case") }, ...cases.options]} optional />
      {clip("clip_from")}
      {clip("clip_to")}
      <p class="quiet">{say("clip_why")}</p>
      {cases.error && <Refused why={cases.error} />}
    </AskForm>
  );
}
