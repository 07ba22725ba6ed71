import type { Session, Timeline as Data } from "../lib/api";
import type { Coverage } from "../lib/evidence";
import { say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { clockTime, when } from "../lib/time";
import { Cancellation, LinkSession } from "../parts/Cancellation";
import { Exports } from "../parts/Exports";
import { Holds } from "../parts/Holds";
import { Marks } from "../parts/Marks";
import { Player } from "../parts/Player";
import { Readiness } from "../parts/Readiness";
import { Refused } from "../parts/Refused";
import { RunParts } from "../parts/RunParts";
import { Statement } from "../parts/Statement";

/** One exam session: its cameras in step, its timeline, what is missing and why. */
export function Review({ id }: { id: string }) {
  const session = usePoll<Session>(`/exam-sessions/${id}`, 5000);
  const timeline = usePoll<Data>(`/exam-sessions/${id}/timeline`, 2000);
  const coverage = usePoll<Coverage>(`/exam-sessions/${id}/coverage`, 5000);
  const error = session.error || timeline.error;
  if (error && !(session.value && timeline.value))
    return (
      <main class="page">
        <Refused why={error} />
      </main>
    );
  if (!session.value || !timeline.value) return <main class="page quiet">{say("loading")}</main>;
  return (
    <main class="review">
      <Title session={session.value} data={timeline.value} />
      <Cancellation session={session.value} />
      <Player session={session.value} data={timeline.value} />
      {coverage.value && <Statement session={session.value} data={coverage.value} />}
      {coverage.error && <Refused why={coverage.error} />}
      <Marks session={session.value} open={isOpen(timeline.value)} />
      <RunParts session={session.value} open={isOpen(timeline.value)} />
      <Readiness session={session.value} />
      <Exports session={id} sealed={sealed(coverage.value)} />
      <Holds session={id} />
    </main>
  );
}

/** Whether the session is being recorded: what happens can be noted. */
const isOpen = (t: Data) =>
  Date.parse(t.window.from) <= Date.parse(t.now) && Date.parse(t.now) <= Date.parse(t.window.to);

const sealed = (c: Coverage | undefined) =>
  c !== undefined && c.recordings.length > 0 && c.recordings.every((r) => r.sealed_at !== null);

function Title({ session, data }: { session: Session; data: Data }) {
  return (
    <div class="summary">
      <h1>
        {say("session")} {session.external_id}
      </h1>
      <span>
        {say("room")} {session.room_code} · {when(session.starts_at)}–
        {clockTime(new Date(session.ends_at)).slice(0, 5)} · {sayCode("state", session.state)}
      </span>
      <strong>{verdict(data)}</strong>
      <LinkSession session={session} />
    </div>
  );
}

function verdict(data: Data): string {
  if (Date.parse(data.now) < Date.parse(data.window.to)) return say("in_progress");
  if (data.recordings.some((r) => !r.exact)) return say("undeclared");
  const n = data.recordings.reduce((sum, r) => sum + r.gaps.length, 0);
  return n ? say("complete_with_gaps", { n }) : say("complete");
}
