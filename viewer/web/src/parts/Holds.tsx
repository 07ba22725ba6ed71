import { may } from "../lib/api";
import type { Hold, Page } from "../lib/evidence";
import { choices, say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { when } from "../lib/time";
import { AskOnce, type Open, useOpen } from "./Asked";
import { AskForm } from "./AskForm";
import { Choice } from "./Choice";
import { Field } from "./Field";
import { Refused } from "./Refused";

/** The active holds of all sessions, or of one: there they can be placed too. */
export function Holds({ session }: { session?: string }) {
  const holds = usePoll<Page<Hold>>(session ? `/holds?session=${session}` : "/holds", 5000);
  const open = useOpen("hold_release");
  const active = holds.value?.items.filter((h) => h.active) ?? [];
  if (!may("read_retention")) return null;
  return (
    <section class="panel" aria-label={say("holds")}>
      <h2>{say("holds")}</h2>
      {holds.error && <Refused why={holds.error} />}
      {holds.value && active.length === 0 && <p class="quiet">{say("no_holds")}</p>}
      {active.map((h) => (
        <One key={h.id} h={h} link={!session} open={open} />
      ))}
      {session && may("place_hold") && <Place session={session} />}
    </section>
  );
}

function One({ h, link, open }: { h: Hold; link: boolean; open: Open }) {
  return (
    <div class="line">
      {link && <a href={`/sessions/${h.session_id}`}>{say("session")}</a>}
      <span>
        {sayCode("hold", h.kind)} {h.reference} · {h.reason} · {h.placed_by}, {when(h.placed_at)}
      </span>
      {h.release_due && <span class="quiet">{say("release_due", { time: when(h.release_due) })}</span>}
      <AskOnce
        kind="hold_release"
        about={{ hold_id: h.id }}
        text={say("ask_release")}
        open={open}
        same={(r) => r.asked.hold_id === h.id}
      />
    </div>
  );
}

function Place({ session }: { session: string }) {
  const kinds = choices("hold");
  return (
    <AskForm text={say("place_hold")} path={`/exam-sessions/${session}/holds`} body={Object.fromEntries}>
      <Choice name="kind" label={say("kind")} value="appeal" options={kinds} />
      <Field name="reference" label={say("reference")} required focus />
      <Field name="reason" label={say("reason")} required />
    </AskForm>
  );
}
