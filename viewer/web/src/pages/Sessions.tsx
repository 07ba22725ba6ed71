import type { Session } from "../lib/api";
import { say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { dateTime } from "../lib/time";
import { Refused } from "../parts/Refused";

export function Sessions() {
  const sessions = usePoll<{ items: Session[] }>("/exam-sessions?limit=200", 5000);
  const list = sessions.value?.items;
  return (
    <main class="page">
      <h1>{say("sessions")}</h1>
      {sessions.error && <Refused why={sessions.error} />}
      {!list && !sessions.error && <p class="quiet">{say("loading")}</p>}
      {list?.length === 0 && <p>{say("no_sessions")}</p>}
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
                <td class="figures">{dateTime(new Date(s.starts_at))}</td>
                <td class="figures">{dateTime(new Date(s.ends_at))}</td>
                <td class="number">{s.seats}</td>
                <td>
                  {s.state === "running" && <span class="recording">● </span>}
                  {sayCode("state", s.state)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </main>
  );
}
