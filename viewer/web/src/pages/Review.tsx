import { useEffect, useState } from "preact/hooks";
import { may, type Recording, type Session, type Timeline as Data } from "../lib/api";
import type { Coverage } from "../lib/evidence";
import { say, sayCode } from "../lib/i18n";
import { Playback } from "../lib/playback";
import { usePoll } from "../lib/poll";
import { clockTime, dateTime } from "../lib/time";
import { Exports } from "../parts/Exports";
import { Holds } from "../parts/Holds";
import { Refused } from "../parts/Refused";
import { Stage } from "../parts/Stage";
import { Statement } from "../parts/Statement";
import { Timeline } from "../parts/Timeline";
import { Transport } from "../parts/Transport";

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
      <Player session={session.value} data={timeline.value} />
      {coverage.value && <Statement session={session.value} data={coverage.value} />}
      {coverage.error && <Refused why={coverage.error} />}
      <Exports session={id} sealed={sealed(coverage.value)} />
      <Holds session={id} />
    </main>
  );
}

const sealed = (c: Coverage | undefined) =>
  c !== undefined && c.recordings.length > 0 && c.recordings.every((r) => r.sealed_at !== null);

function Title({ session, data }: { session: Session; data: Data }) {
  return (
    <div class="summary">
      <h1>
        {say("session")} {session.external_id}
      </h1>
      <span>
        {say("room")} {session.room_code} · {dateTime(new Date(session.starts_at))}–
        {clockTime(new Date(session.ends_at)).slice(0, 5)} · {sayCode("state", session.state)}
      </span>
      <strong>{verdict(data)}</strong>
    </div>
  );
}

function verdict(data: Data): string {
  if (Date.parse(data.now) < Date.parse(data.window.to)) return say("in_progress");
  if (data.recordings.some((r) => !r.exact)) return say("undeclared");
  const n = data.recordings.reduce((sum, r) => sum + r.gaps.length, 0);
  return n ? say("complete_with_gaps", { n }) : say("complete");
}

const recorded = (r: Recording) => r.segments[0] ?? r.growing;

function Player({ session, data }: { session: Session; data: Data }) {
  const [playback, setPlayback] = useState<Playback | null>(null);
  const cameras = [...new Set(data.recordings.map((r) => r.camera_id))];
  const anything = data.recordings.some(recorded);
  const names = cameras.join(" ");
  const start = Math.max(Date.parse(data.window.from), startInAddress());

  useEffect(() => {
    if (!anything || !may("watch_archive")) return;
    const p = new Playback(session.id, names.split(" "), start);
    setPlayback(p);
    const leave = () => p.close();
    addEventListener("pagehide", leave);
    return () => {
      removeEventListener("pagehide", leave);
      p.close();
    };
    // A session that is still recording keeps its playback while the timeline grows.
  }, [session.id, names, anything]);

  if (!may("watch_archive"))
    return <Timeline data={data} at={Date.parse(data.window.from)} onSeek={() => undefined} />;
  if (!anything)
    return <p class="quiet">{say("nothing_recorded", { time: clockTime(new Date(data.window.from)) })}</p>;
  if (!playback) return <p class="quiet">{say("connecting")}</p>;
  return (
    <>
      {playback.problem.value && <Refused why={playback.problem.value} />}
      <Stage playback={playback} cameras={cameraNames(data)} />
      <Transport playback={playback} cameras={cameraNames(data)} />
      <Timeline
        data={data}
        at={playback.at.value || start}
        onSeek={(t) => void playback.seek(t).catch(() => undefined)}
      />
      <footer class="quiet">{say("review_keys")}</footer>
    </>
  );
}

/** The address may name a time: /sessions/ID?at=2026-11-18T08:31:09Z. */
function startInAddress(): number {
  const at = new URLSearchParams(location.search).get("at");
  return at ? Date.parse(at) || 0 : 0;
}

function cameraNames(data: Data): { id: string; name: string }[] {
  const names = new Map(data.recordings.map((r) => [r.camera_id, r.camera_name]));
  return [...names].map(([id, name]) => ({ id, name }));
}
