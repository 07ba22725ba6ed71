import { useLocation } from "preact-iso";
import { may } from "../lib/api";
import { type Alarm, evidenceOf } from "../lib/alarms";
import { saveCSV } from "../lib/csv";
import type { Page } from "../lib/evidence";
import { choices, say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { exactTime, when } from "../lib/time";
import { AskForm } from "../parts/AskForm";
import { Choice } from "../parts/Choice";
import { Field } from "../parts/Field";
import { ListState } from "../parts/ListState";

/** Suspicious access, for security staff: what was noticed, what it stands on, and who looked at it. The filter is in the address. */
export function Alarms() {
  const { query, route } = useLocation();
  const kind = choices("alarm").some((k) => k.code === query["kind"]) ? (query["kind"] ?? "") : "";
  const all = query["all"] === "true";
  const wanted = new URLSearchParams({
    limit: "200",
    ...(kind && { kind }),
    ...(!all && { unseen: "true" }),
  });
  const list = usePoll<Page<Alarm>>(may("read_alarms") ? `/alarms?${wanted.toString()}` : null, 5000);
  const search = (form: HTMLFormElement) => {
    const filled = new FormData(form);
    const next = new URLSearchParams();
    if (filled.get("kind")) next.set("kind", String(filled.get("kind")));
    if (filled.get("all")) next.set("all", "true");
    route(`/alarms?${next.toString()}`, true);
  };
  const rows = list.value?.items ?? [];
  if (!may("read_alarms")) return <main class="page">{say("not_allowed")}</main>;
  return (
    <main class="page">
      <h1>{say("alarms")}</h1>
      <form class="filters" role="search" onChange={(e) => search(e.currentTarget)}>
        <Choice
          name="kind"
          label={say("kind")}
          value={kind}
          options={[{ code: "", text: say("all_kinds") }, ...choices("alarm")]}
        />
        <label>
          <input type="checkbox" name="all" checked={all} /> {say("seen_too")}
        </label>
        <div class="actions">
          <button type="button" disabled={rows.length === 0} onClick={() => save(rows)}>
            CSV
          </button>
        </div>
      </form>
      <ListState of={list} none={say(all ? "no_alarms" : "no_unseen_alarms")} />
      {rows.length > 0 && <Rows rows={rows} />}
    </main>
  );
}

function save(rows: Alarm[]) {
  const head = [
    "at",
    "kind",
    "who",
    "session_id",
    "count",
    "detail",
    "seen_by",
    "seen_at",
    "seen_note",
  ] as const;
  saveCSV("alarms.csv", [[...head], ...rows.map((a) => head.map((k) => a[k]))]);
}

function Rows({ rows }: { rows: Alarm[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th>{say("time")}</th>
          <th>{say("kind")}</th>
          <th>{say("who")}</th>
          <th>{say("what_happened")}</th>
          <th>{say("seen")}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((a) => (
          <tr key={a.id} data-alarm={a.id}>
            <td class="figures">{exactTime(new Date(a.at))}</td>
            <td>
              <span class={a.seen_by ? "quiet" : "attention"}>
                {a.seen_by ? "✓" : "▲"} {sayCode("alarm", a.kind)}
              </span>
            </td>
            <td>{a.who}</td>
            <td>
              {a.detail}
              <div>
                <a href={evidenceOf(a)}>{say("show_log_entries")}</a>
                {a.session_id && (
                  <>
                    {" · "}
                    <a href={`/sessions/${a.session_id}`}>{say("session")}</a>
                  </>
                )}
              </div>
            </td>
            <td>
              <Seen a={a} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Who looked at an alarm and what they make of it; the first stands. */
function Seen({ a }: { a: Alarm }) {
  if (a.seen_by && a.seen_at)
    return (
      <>
        {a.seen_by}, {when(a.seen_at)}
        <div class="quiet">{a.seen_note}</div>
      </>
    );
  return (
    <AskForm
      text={say("mark_seen")}
      path={`/alarms/${a.id}/seen`}
      body={(filled) => ({ note: filled.get("note") })}
    >
      <Field name="note" label={say("what_you_make_of_it")} required focus />
    </AskForm>
  );
}
