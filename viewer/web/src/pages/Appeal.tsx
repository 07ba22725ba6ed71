import type { ComponentChildren } from "preact";
import { may } from "../lib/api";
import type { Page } from "../lib/evidence";
import type { Incident } from "../lib/exam";
import type { AppealFile } from "../lib/foureyes";
import { say, sayCode, type Word } from "../lib/i18n";
import { incidentText } from "../lib/incident";
import { usePoll } from "../lib/poll";
import { bytes, when } from "../lib/time";
import { AskForm } from "../parts/AskForm";
import { DeletionLine } from "../parts/DeletionLine";
import { Field } from "../parts/Field";
import { GrantLine } from "../parts/GrantLine";
import { ListState } from "../parts/ListState";
import { Refused } from "../parts/Refused";
import { RequestCard } from "../parts/RequestCard";
import { sourceOf } from "./Appeals";

/** Everything of one appeal. */
export function Appeal({ id }: { id: string }) {
  const read = usePoll<AppealFile>(`/appeals/${id}`, 5000);
  const f = read.value;
  return (
    <main class="page">
      {read.error && <Refused why={read.error} />}
      {!f && !read.error && <p class="quiet">{say("loading")}</p>}
      {f && (
        <>
          <State f={f} />
          <Holds f={f} />
          <Events f={f} />
          <Incidents session={f.appeal.session_id} />
          <Section title={say("requests")} none={f.requests.length === 0 && say("no_requests")}>
            {f.requests.map((r) => (
              <RequestCard key={r.id} request={r} />
            ))}
          </Section>
          <Section title={say("grants")} none={f.grants.length === 0 && say("no_grants")}>
            {f.grants.map((g) => (
              <GrantLine key={g.id} g={g} />
            ))}
          </Section>
          <Packages f={f} />
          <Deletions f={f} />
        </>
      )}
    </main>
  );
}

interface SectionProps {
  title: string;
  none: string | false;
  children: ComponentChildren;
}

function Section({ title, none, children }: SectionProps) {
  return (
    <section class="panel" aria-label={title}>
      <h2>{title}</h2>
      {none && <p class="quiet">{none}</p>}
      {children}
    </section>
  );
}

/** What each next state is called on its button. */
const steps: Record<string, Word> = {
  court: "to_court",
  final: "to_final",
  closed: "to_closed",
};

function State({ f: { appeal: a, session } }: { f: AppealFile }) {
  const taken: [string, string | null, string][] = [
    ["opened", a.opened_at, `${a.opened_by}, ${sourceOf(a)}`],
    ["court", a.court_at, ""],
    ["final", a.final_at, ""],
    ["closed", a.closed_at, a.closed_by],
  ];
  return (
    <>
      <div class="summary">
        <h1>
          {say("appeal")} {a.reference}
        </h1>
        <strong>{sayCode("appeal", a.state)}</strong>
        <span>
          {say("session")} <a href={`/sessions/${a.session_id}`}>{a.external_id}</a> · {say("room")}{" "}
          {session.room_code} · {when(session.starts_at)} · {sayCode("state", session.state)}
        </span>
      </div>
      <Section title={say("state")} none={false}>
        {taken.map(
          ([state, at, who]) =>
            at && (
              <div class="line" key={state}>
                <span class="figures">{when(at)}</span>
                <strong>{sayCode("appeal", state)}</strong>
                <span class="quiet">{who}</span>
              </div>
            ),
        )}
        {a.can.map((to) => (
          <AskForm
            key={to}
            text={say(steps[to] ?? "change")}
            path={`/appeals/${a.id}/state`}
            body={(filled) => ({ state: to, reason: filled.get("reason") })}
          >
            <Field name="reason" label={say("reason")} required focus />
          </AskForm>
        ))}
      </Section>
    </>
  );
}

function Holds({ f }: { f: AppealFile }) {
  return (
    <Section title={say("holds")} none={f.holds.length === 0 && say("no_holds")}>
      {f.holds.map((h) => (
        <div class="line" key={h.id}>
          <span class="figures">{when(h.placed_at)}</span>
          <strong>
            {sayCode("hold", h.kind)} {h.reference}
          </strong>
          <span class={h.active ? "attention" : "quiet"}>
            {h.active || !h.released_at ? say("held_now") : say("held_until", { time: when(h.released_at) })}
          </span>
          <span>
            {h.placed_by}: {h.reason}
          </span>
          {h.active && h.release_due && (
            <span class="quiet">{say("release_due", { time: when(h.release_due) })}</span>
          )}
        </div>
      ))}
    </Section>
  );
}

function Events({ f }: { f: AppealFile }) {
  return (
    <Section title={say("events")} none={f.events.length === 0 && say("no_events")}>
      {f.events.map((e) => (
        <div class="line" key={e.id}>
          <span class="figures">{when(e.at)}</span>
          <span>{sayCode("event", e.kind)}</span>
        </div>
      ))}
    </Section>
  );
}

/** What was noted while the contested exam ran; what was retracted is struck out. */
function Incidents({ session }: { session: string }) {
  const list = usePoll<Page<Incident>>(`/exam-sessions/${session}/incidents`, 10_000);
  return (
    <Section title={say("marks")} none={false}>
      <ListState of={list} none={say("no_marks")} />
      {list.value?.items.map((i) => (
        <div class="line" key={i.id}>
          <strong class={i.state === "retracted" ? "struck" : ""}>
            <a href={`/sessions/${session}?at=${i.at}`}>{incidentText(i)}</a>
          </strong>
          <span class="quiet">{sayCode("mark", i.state)}</span>
          <span>{i.note}</span>
          <span class="quiet">{i.by}</span>
        </div>
      ))}
    </Section>
  );
}

/** What of the session's footage is gone or going, and under which rule. */
function Deletions({ f }: { f: AppealFile }) {
  return (
    <Section title={say("deletions")} none={f.deletions.length === 0 && say("no_deletions")}>
      {f.deletions.map((d) => (
        <DeletionLine key={d.id} d={d} />
      ))}
    </Section>
  );
}

function Packages({ f }: { f: AppealFile }) {
  return (
    <Section title={say("packages")} none={f.exports.length === 0 && say("no_packages")}>
      {f.exports.map((e) => (
        <div class="line" key={e.id}>
          <span class="figures">{when(e.requested_at)}</span>
          <strong>{e.recipient_name}</strong>
          <span>{e.purpose}</span>
          <span>{sayCode("export", e.state)}</span>
          {may("export") && (e.state === "sealed" || e.state === "collected") && (
            <a href={`/v1/exports/${e.id}/content`} download>
              {say("fetch_package", { size: bytes(e.size) })}
            </a>
          )}
          {e.sha256 && <code>SHA-256 {e.sha256}</code>}
        </div>
      ))}
    </Section>
  );
}
