import { may } from "../lib/api";
import type { Export, Page } from "../lib/evidence";
import { say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { bytes, dateTime } from "../lib/time";
import { AskForm } from "./AskForm";
import { Field } from "./Field";
import { Refused } from "./Refused";

/** Asks for an evidence package of a session and follows it until it can be fetched. */
export function Exports({ session, sealed }: { session: string; sealed: boolean }) {
  const list = usePoll<Page<Export>>(may("export") ? `/exports?session=${session}` : null, 2000);
  if (!may("export")) return null;
  return (
    <section class="panel" aria-label={say("packages")}>
      <h2>{say("packages")}</h2>
      {list.error && <Refused why={list.error} />}
      {list.value?.items.map((e) => (
        <One key={e.id} e={e} />
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
        {dateTime(new Date(e.requested_at))} · {e.recipient_name} · {e.purpose}
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

function Ask({ session }: { session: string }) {
  return (
    <AskForm text={say("ask_package")} path={`/exam-sessions/${session}/exports`} body={Object.fromEntries}>
      <Field name="purpose" label={say("purpose")} required focus />
      <Field name="recipient_name" label={say("recipient")} required />
      <Field name="recipient" label={say("recipient_key")} placeholder="age1…" />
    </AskForm>
  );
}
