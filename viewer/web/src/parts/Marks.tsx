import { useEffect, useRef, useState } from "preact/hooks";
import { call, may, type Session } from "../lib/api";
import { type Incident, newID } from "../lib/exam";
import type { Page } from "../lib/evidence";
import { choices, say, sayCode } from "../lib/i18n";
import { incidentText } from "../lib/incident";
import { typing } from "../lib/keys";
import { usePoll } from "../lib/poll";
import { clockTime, exactTime, rigaInstant, rigaLocal } from "../lib/time";
import { AskForm } from "./AskForm";
import { Choice } from "./Choice";
import { Field } from "./Field";
import { ListState } from "./ListState";
import { Refused } from "./Refused";

/** The incidents of a session: marked by one key, at the time of the key press; corrected, retracted and reviewed by adding. */
export function Marks({ session, open }: { session: Session; open: boolean }) {
  const list = usePoll<Page<Incident>>(`/exam-sessions/${session.id}/incidents`, 5000);
  return (
    <section class="panel" aria-label={say("marks")}>
      <h2>{say("marks")}</h2>
      {open && may("mark_incident") && <Mark session={session} />}
      <ListState of={list} none={say("no_marks")} />
      {list.value?.items.map((i) => (
        <One key={i.id} i={i} seats={session.seats} />
      ))}
    </section>
  );
}

/** A press of the key: when it was, by the page's own running clock, and the ID it is stored under. */
interface Press {
  id: string;
  at: number;
}

const pressed = (): Press => ({ id: newID(), at: performance.now() });

/** M opens the form; its time is that of the press, however long the form takes. */
function Mark({ session }: { session: Session }) {
  const [press, setPress] = useState<Press | null>(null);
  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      if (e.key.toLowerCase() !== "m" || e.ctrlKey || e.metaKey || e.altKey || e.repeat || typing(e.target))
        return;
      e.preventDefault();
      setPress((p) => p ?? pressed());
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
  if (!press)
    return (
      <button type="button" aria-keyshortcuts="M" onClick={() => setPress(pressed())}>
        {say("mark_incident")} <kbd>M</kbd>
      </button>
    );
  return <MarkForm key={press.id} session={session} press={press} onDone={() => setPress(null)} />;
}

function MarkForm({ session, press, onDone }: { session: Session; press: Press; onDone: () => void }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const shown = useRef(new Date(Date.now() - (performance.now() - press.at)));
  const send = async (ev: SubmitEvent) => {
    ev.preventDefault();
    setBusy(true);
    try {
      const filled = new FormData(ev.currentTarget as HTMLFormElement);
      await call("POST", `/exam-sessions/${session.id}/incidents`, {
        ...what(filled),
        id: press.id,
        ago_ms: Math.round(performance.now() - press.at),
      });
      onDone();
    } catch (e) {
      setProblem((e as Error).message);
    }
    setBusy(false);
  };
  return (
    <form
      class="form"
      ref={form}
      aria-label={say("mark_incident")}
      onSubmit={(ev) => void send(ev)}
      onKeyDown={(e) => e.key === "Escape" && onDone()}
    >
      <p>
        <strong class="figures">{clockTime(shown.current)}</strong> {say("time_of_press")}
      </p>
      <WhatFields seats={session.seats} />
      <div class="actions">
        <button class="main" disabled={busy}>
          {say("mark_incident")}
        </button>
        <button type="button" onClick={onDone}>
          {say("close")}
        </button>
      </div>
      {problem && <Refused why={problem} />}
    </form>
  );
}

const noteLength = 280;

/** Seat, kind and note: of a mark, and of what a correction makes of it. */
function WhatFields({ seats, of }: { seats: number; of?: Incident }) {
  return (
    <>
      <Field
        name="seat"
        label={say("seat_or_none")}
        type="number"
        min={1}
        max={seats || 500}
        value={of?.seat ?? ""}
        focus
      />
      <Choice name="kind" label={say("kind")} value={of?.kind ?? "phone"} options={choices("incident")} />
      <Field name="note" label={say("note_impersonal")} value={of?.note ?? ""} maxLength={noteLength} />
    </>
  );
}

const what = (f: FormData) => ({ seat: Number(f.get("seat")), kind: f.get("kind"), note: f.get("note") });

const tones: Record<string, string> = { raised: "attention", retracted: "quiet", reviewed: "good" };

function One({ i, seats }: { i: Incident; seats: number }) {
  const stands = i.state !== "retracted";
  return (
    <div class="line" data-incident={i.id}>
      <strong class={stands ? "" : "struck"}>{incidentText(i)}</strong>
      <span class={tones[i.state] ?? "quiet"}>{sayCode("mark", i.state)}</span>
      <span>{i.note}</span>
      <span class="quiet">{i.by}</span>
      <span class="grow" />
      {stands && may("mark_incident") && (
        <>
          <AskForm
            text={say("correct")}
            path={`/incidents/${i.id}/correction`}
            body={(f) => ({ ...what(f), ...changedTime(f, i), camera_id: i.camera_id })}
          >
            <WhatFields seats={seats} of={i} />
            <Field
              name="at"
              label={`${say("time")} (${say("tz")})`}
              type="datetime-local"
              step={1}
              value={rigaLocal(i.at, true)}
              required
            />
          </AskForm>
          <Noted text={say("retract")} path={`/incidents/${i.id}/retraction`} />
        </>
      )}
      {stands && may("review_incident") && (
        <Noted text={say("review_it")} path={`/incidents/${i.id}/review`} />
      )}
      {i.rows.length > 1 && <History i={i} />}
    </div>
  );
}

/** The time that was typed, if it is another second than the mark's: what was not touched keeps its fraction. */
function changedTime(f: FormData, i: Incident): { at?: string } {
  const typed = String(f.get("at"));
  return typed === rigaLocal(i.at, true) ? {} : { at: rigaInstant(typed) };
}

function Noted({ text, path }: { text: string; path: string }) {
  return (
    <AskForm text={text} path={path} body={(f) => ({ note: f.get("note") })}>
      <Field name="note" label={say("note_impersonal")} maxLength={noteLength} required focus />
    </AskForm>
  );
}

/** Every row as it was recorded: nothing is overwritten. */
function History({ i }: { i: Incident }) {
  return (
    <details class="whole">
      <summary>{say("all_rows")}</summary>
      {i.rows.map((r) => (
        <div class="quiet" key={r.id}>
          {exactTime(new Date(r.recorded_at))} · {sayCode("mark", r.step)} · {incidentText(r)} · {r.note} ·{" "}
          {r.by}
        </div>
      ))}
    </details>
  );
}
