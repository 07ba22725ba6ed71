import type { Session } from "../lib/api";
import type { Page } from "../lib/evidence";
import { say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { when } from "../lib/time";
import { ListState } from "../parts/ListState";

export function Sessions() {
  const sessions = usePoll<Page<Session>>("/exam-sessions?limit=200", 5000);
  const list = sessions.value?.items;
  return (
    <main class="page">
      <h1>{say("sessions")}</h1>
      <ListState of={sessions} none={say("no_sessions")} />
      {list && list.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>{say("id")}</th>
              <th>{say("room")}</th>
              <th>{say("start")}</th>
              <th>{say("end")}</th>
              <th class="number">{say("seats")}</th>
              <th>{say("state")}</th>
            </tr>
          </thead>
          <tbody>
            {list.map((s) => (
              <tr key={s.id}>
                <td>
                  <a href={`/sessions/${s.id}`}>{s.external_id}</a>
                </td>
                <td>{s.room_code}</td>
                <td class="figures">{when(s.starts_at)}</td>
                <td class="figures">{when(s.ends_at)}</td>
                <td class="number">{s.seats}</td>
                <td>
                  {s.state === "running" && <span class="recording">● </span>}
                  {sayCode("state", s.state)}
                  {s.cancel_asked && <div class="attention">▲ {say("cancel_waits")}</div>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </main>
  );
}
