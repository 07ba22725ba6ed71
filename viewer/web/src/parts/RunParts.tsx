import { may, type Session } from "../lib/api";
import { type PartEvent, type PartNow, type Parts } from "../lib/exam";
import { say, sayCode, type Word } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { clockTime, exactTime, rigaInstant, rigaLocal } from "../lib/time";
import { Acting } from "./Acting";
import { AskForm } from "./AskForm";
import { Field } from "./Field";
import { Refused } from "./Refused";

/** The steps that a part can take from a state (lieciba.PartTimesOf). */
const steps: Record<string, { step: string; text: Word }[]> = {
  planned: [{ step: "started", text: "start_part" }],
  running: [
    { step: "paused", text: "pause_part" },
    { step: "ended", text: "end_part" },
  ],
  paused: [
    { step: "resumed", text: "resume_part" },
    { step: "ended", text: "end_part" },
  ],
};

/** How the parts of a session really ran. What is wrong is corrected by adding. */
export function RunParts({ session, open }: { session: Session; open: boolean }) {
  const path = `/exam-sessions/${session.id}/part-events`;
  const read = usePoll<Parts>(path, 5000);
  const p = read.value;
  if (session.parts.length === 0) return null;
  return (
    <section class="panel" aria-label={say("parts_run")}>
      <h2>{say("parts_run")}</h2>
      {read.error && <Refused why={read.error} />}
      {!p && !read.error && <p class="quiet">{say("loading")}</p>}
      {p?.parts.map((part) => (
        <One key={part.part_id} part={part} path={path} open={open} />
      ))}
      {p && p.events.length > 0 && <Events p={p} path={path} />}
    </section>
  );
}

const tones: Record<string, string> = { running: "recording", paused: "attention", ended: "good" };
const marks: Record<string, string> = { planned: "–", running: "●", paused: "▲", ended: "✓" };

function One({ part, path, open }: { part: PartNow; path: string; open: boolean }) {
  const clock = (s: string | null) => (s ? clockTime(new Date(s)) : "…");
  return (
    <div class="line" data-part={part.kind}>
      <strong>{sayCode("part", part.kind)}</strong>
      <span class={tones[part.state] ?? "quiet"}>
        {marks[part.state]} {sayCode("part_state", part.state)}
      </span>
      <span class="figures">{part.running.map((r) => `${clock(r.from)}–${clock(r.to)}`).join(", ")}</span>
      <span class="quiet">
        {say("planned_at", { from: clock(part.starts_at).slice(0, 5), to: clock(part.ends_at).slice(0, 5) })}
        {part.sound && ` · ${say("sound")}`}
      </span>
      <span class="grow" />
      {open &&
        may("run_part") &&
        steps[part.state]?.map((s) => (
          <Acting
            key={s.step}
            path={path}
            body={{ part_id: part.part_id, step: s.step, ago_ms: 0 }}
            text={say(s.text)}
            label={`${say(s.text)}: ${sayCode("part", part.kind)}`}
          />
        ))}
    </div>
  );
}

/** Every event as it was recorded, and the way to put one right. */
function Events({ p, path }: { p: Parts; path: string }) {
  const corrected = new Set(p.events.map((e) => e.corrects));
  const kind = (id: string) => sayCode("part", p.parts.find((x) => x.part_id === id)?.kind ?? id);
  return (
    <details>
      <summary>{say("all_rows")}</summary>
      {p.events.map((e) => (
        <div class="line" key={e.id} data-event={e.id}>
          <span class="figures">{exactTime(new Date(e.at))}</span>
          <span class={corrected.has(e.id) || e.void ? "struck" : ""}>
            {kind(e.part_id)}: {sayCode("part_step", e.step)}
          </span>
          {e.void && <span class="quiet">{say("never_happened")}</span>}
          <span class="quiet">
            {e.note} {e.by}
          </span>
          <span class="grow" />
          {!corrected.has(e.id) && !e.void && may("run_part") && <Correct e={e} path={path} />}
        </div>
      ))}
    </details>
  );
}

function Correct({ e, path }: { e: PartEvent; path: string }) {
  const body = (f: FormData) => ({
    part_id: e.part_id,
    step: e.step,
    corrects: e.id,
    note: f.get("note"),
    ...(f.get("void") ? { void: true } : { at: rigaInstant(String(f.get("at"))) }),
  });
  return (
    <AskForm text={say("correct")} path={path} body={body}>
      <Field
        name="at"
        label={`${say("time")} (${say("tz")})`}
        type="datetime-local"
        step={1}
        value={rigaLocal(e.at, true)}
        required
        focus
      />
      <label>
        <input type="checkbox" name="void" /> {say("never_happened")}
      </label>
      <Field name="note" label={say("reason")} required />
    </AskForm>
  );
}
