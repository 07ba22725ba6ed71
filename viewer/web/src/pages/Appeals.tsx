import { useLocation } from "preact-iso";
import { may } from "../lib/api";
import type { Page } from "../lib/evidence";
import type { Appeal } from "../lib/foureyes";
import { choices, say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { when } from "../lib/time";
import { AskForm } from "../parts/AskForm";
import { Field } from "../parts/Field";
import { ListState } from "../parts/ListState";

const states = () => choices("appeal");

/** The appeals, by state; the filter is in the address. */
export function Appeals() {
  const { query, route } = useLocation();
  const state = states().some((s) => s.code === query["state"]) ? query["state"] : "";
  const list = usePoll<Page<Appeal>>(`/appeals?limit=200${state ? `&state=${state}` : ""}`, 5000);
  const rows = list.value?.items ?? [];
  return (
    <main class="page">
      <h1>{say("appeals")}</h1>
      <div class="filters">
        <label class="field">
          <span>{say("state")}</span>
          <select
            value={state}
            onChange={(e) => {
              const s = e.currentTarget.value;
              route(s ? `/appeals?state=${s}` : "/appeals", true);
            }}
          >
            <option value="">{say("all_states")}</option>
            {states().map((s) => (
              <option key={s.code} value={s.code}>
                {s.text}
              </option>
            ))}
          </select>
        </label>
      </div>
      {may("manage_appeals") && (
        <AskForm text={say("open_appeal")} path="/appeals" body={Object.fromEntries}>
          <Field name="session" label={say("session")} required focus />
          <Field name="reference" label={say("reference")} placeholder="A-17" required />
          <Field name="reason" label={say("reason")} required />
        </AskForm>
      )}
      <ListState of={list} none={say("no_appeals")} />
      {rows.length > 0 && <Rows rows={rows} />}
    </main>
  );
}

function Rows({ rows }: { rows: Appeal[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th>{say("reference")}</th>
          <th>{say("session")}</th>
          <th>{say("state")}</th>
          <th>{say("opened")}</th>
          <th>{say("who")}</th>
          <th>{say("source")}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((a) => (
          <tr key={a.id}>
            <td>
              <a href={`/appeals/${a.id}`}>{a.reference}</a>
            </td>
            <td>
              <a href={`/sessions/${a.session_id}`}>{a.external_id}</a>
            </td>
            <td>{sayCode("appeal", a.state)}</td>
            <td class="figures">{when(a.opened_at)}</td>
            <td>{a.opened_by}</td>
            <td>{sourceOf(a)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Who told of an appeal, in words. */
export const sourceOf = (a: Appeal) => (a.source === "by-hand" ? say("by_hand") : a.source);
