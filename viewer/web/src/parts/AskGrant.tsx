import { may, type Timeline } from "../lib/api";
import { say } from "../lib/i18n";
import { rigaInstant, rigaLocal } from "../lib/time";
import { AskForm } from "./AskForm";
import { Case, caseOf, NoCase, useCases } from "./Case";
import { Field } from "./Field";
import { Refused } from "./Refused";

/** A stretch of the timeline, milliseconds since 1970. */
export interface Range {
  from: number;
  to: number;
}

interface Props {
  data: Timeline;
  range: Range;
  onWhole: () => void;
}

const week = 7 * 24 * 3600 * 1000; // a grant's usual life, in milliseconds

/** Asks to see the session's archive: which cameras, what time, for which case, until when and why. */
export function AskGrant({ data, range, onWhole }: Props) {
  const cases = useCases(data.session_id, "open");
  if (!may("ask_grant")) return null;
  const cameras = [...new Map(data.recordings.map((r) => [r.camera_id, r.camera_name]))];
  const iso = (t: number) => new Date(t).toISOString();
  return (
    <AskForm text={say("ask_grant")} path="/requests" body={(filled) => grantBody(data, filled)}>
      <fieldset class="cameras">
        <legend>{say("cameras")}</legend>
        {cameras.map(([id, name]) => (
          <label key={id}>
            <input type="checkbox" name="camera" value={id} defaultChecked /> {name}
          </label>
        ))}
      </fieldset>
      <Instant
        name="from"
        label={`${say("from_time")} (${say("tz")})`}
        value={rigaLocal(iso(range.from), true)}
      />
      <Instant name="to" label={`${say("to_time")} (${say("tz")})`} value={rigaLocal(iso(range.to), true)} />
      <button type="button" onClick={onWhole}>
        {say("take_whole")}
      </button>
      <Case cases={cases.options} />
      {cases.error && <Refused why={cases.error} />}
      {cases.read && cases.options.length === 0 && <NoCase />}
      <Instant name="until" label={say("grant_until")} value={rigaLocal(iso(Date.now() + week))} />
      <Field name="reason" label={say("reason")} required focus />
    </AskForm>
  );
}

/** A time in Riga. Its value follows the range that the timeline's keys mark. */
function Instant({ name, label, value }: { name: string; label: string; value: string }) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        key={name === "until" ? name : value}
        type="datetime-local"
        name={name}
        step={1}
        defaultValue={value}
        required
      />
    </label>
  );
}

/** The body of the request. The whole session is asked for without a range. */
function grantBody(data: Timeline, filled: FormData): Record<string, unknown> {
  const text = (name: string) => String(filled.get(name) ?? "");
  const window = { from: Date.parse(data.window.from), to: Date.parse(data.window.to) };
  const from = Math.max(window.from, Date.parse(rigaInstant(text("from"))));
  const to = Math.min(window.to, Date.parse(rigaInstant(text("to"))));
  const whole = from - window.from < 1000 && window.to - to < 1000; // the form tells whole seconds
  return {
    kind: "grant",
    session_id: data.session_id,
    camera_ids: filled.getAll("camera"),
    ...(whole ? {} : { from: new Date(from).toISOString(), to: new Date(to).toISOString() }),
    until: rigaInstant(text("until")),
    ...caseOf(filled),
    reason: text("reason"),
  };
}
