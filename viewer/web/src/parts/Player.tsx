import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { may, type Recording, type Session, type Timeline as Data } from "../lib/api";
import type { Page } from "../lib/evidence";
import type { Grant, Request } from "../lib/foureyes";
import { say } from "../lib/i18n";
import { typing } from "../lib/keys";
import { Playback } from "../lib/playback";
import { usePoll } from "../lib/poll";
import { clockTime } from "../lib/time";
import { AskGrant, type Range } from "./AskGrant";
import { GrantLine } from "./GrantLine";
import { MyRequests } from "./MyRequests";
import { Refused } from "./Refused";
import { Stage } from "./Stage";
import { Timeline } from "./Timeline";
import { Transport } from "./Transport";

const recorded = (r: Recording) => r.segments[0] ?? r.growing;

interface Props {
  session: Session;
  data: Data;
}

/** The archive of a session: under a grant its pictures, else what it takes to see them. */
export function Player({ session, data }: Props) {
  const asks = may("watch_archive") && may("view_requests");
  const grants = usePoll<Page<Grant>>(
    asks ? `/grants?session=${session.id}&mine=true&active=true` : null,
    5000,
  );
  const requests = usePoll<Page<Request>>(
    asks ? `/requests?session=${session.id}&mine=true&kind=grant&limit=20` : null,
    5000,
  );
  const [chosen, choose] = useState("");
  const list = grants.value?.items ?? [];
  const grant = list.find((g) => g.id === chosen) ?? list[0];
  if (!data.recordings.some(recorded))
    return <p class="quiet">{say("nothing_recorded", { time: clockTime(new Date(data.window.from)) })}</p>;
  if (!may("watch_archive"))
    return <Timeline data={data} at={Date.parse(data.window.from)} onSeek={() => undefined} />;
  if (!grants.value && !grants.error) return <p class="quiet">{say("loading")}</p>;
  const mine = requests.value?.items ?? [];
  // Nothing is played on trial: each refused look is on record, and counts against who tried.
  if (!grant) return <NoGrant data={data} requests={mine} problem={grants.error || requests.error} />;
  return (
    <>
      {list.length > 1 && (
        <label>
          {say("grant")}{" "}
          <select value={grant.id} onChange={(e) => choose(e.currentTarget.value)}>
            {list.map((g) => (
              <option key={g.id} value={g.id}>
                {g.appeal || g.reason}
              </option>
            ))}
          </select>
        </label>
      )}
      <Playing key={grant.id} session={session} data={data} grant={grant} />
      <section class="panel" aria-label={say("grant")}>
        <GrantLine g={grant} />
        <MyRequests requests={mine.filter((r) => r.state !== "refused")} />
      </section>
    </>
  );
}

/** The address may name a time: /sessions/ID?at=2026-11-18T08:31:09Z. */
function startInAddress(): number {
  const at = new URLSearchParams(location.search).get("at");
  return at ? Date.parse(at) || 0 : 0;
}

const window = (data: Data): Range => ({
  from: Date.parse(data.window.from),
  to: Date.parse(data.window.to),
});

function cameraNames(data: Data): { id: string; name: string }[] {
  const names = new Map(data.recordings.map((r) => [r.camera_id, r.camera_name]));
  return [...names].map(([id, name]) => ({ id, name }));
}

/** I and O mark where a range begins and ends, at the time that the timeline stands on: keys may come faster than it is drawn. */
function useRange(data: Data, at: () => number) {
  const marked = useSignal<Range | null>(null);
  const whole = window(data);
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || typing(e.target)) return;
      const { from, to } = marked.value ?? whole;
      const t = at();
      if (e.key === "i") marked.value = { from: t, to: t < to ? to : whole.to };
      if (e.key === "o") marked.value = { from: t > from ? from : whole.from, to: t };
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  return { range: marked.value ?? whole, marked: marked.value, clear: () => (marked.value = null) };
}

function NoGrant({ data, requests, problem }: { data: Data; requests: Request[]; problem: string }) {
  const whole = window(data);
  const at = useSignal(Math.max(whole.from, startInAddress()));
  const { range, marked, clear } = useRange(data, () => at.value);
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      const way = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
      if (way === 0 || typing(e.target)) return;
      e.preventDefault();
      const t = at.value + way * (e.shiftKey ? 60_000 : 5000);
      at.value = Math.min(whole.to, Math.max(whole.from, t));
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
  return (
    <>
      <section class="panel" aria-label={say("grant")}>
        <p>{say("needs_grant")}</p>
        {problem && <Refused why={problem} />}
        <MyRequests requests={requests} />
        <AskGrant data={data} range={range} onWhole={clear} />
      </section>
      <Timeline data={data} at={at.value} onSeek={(t) => (at.value = t)} range={marked} />
      <footer class="quiet">{say("range_keys")}</footer>
    </>
  );
}

/** What a grant opens of a session. */
function opened(data: Data, g: Grant): Range & { cameras: { id: string; name: string }[] } {
  const w = window(data);
  return {
    from: Math.max(w.from, g.from ? Date.parse(g.from) : w.from),
    to: Math.min(w.to, g.to ? Date.parse(g.to) : w.to),
    cameras: cameraNames(data).filter((c) => g.camera_ids.length === 0 || g.camera_ids.includes(c.id)),
  };
}

function Playing({ session, data, grant }: Props & { grant: Grant }) {
  const [playback, setPlayback] = useState<Playback | null>(null);
  const open = opened(data, grant);
  // A line for each camera of the session (viewer/PROTOCOL.md), also for those that stay shut.
  const names = cameraNames(data)
    .map((c) => c.id)
    .join(" ");
  const start = Math.min(open.to, Math.max(open.from, startInAddress()));
  const at = playback?.at.value || start;
  const { range, marked, clear } = useRange(data, () => playback?.at.value || start);

  useEffect(() => {
    const p = new Playback(session.id, names.split(" "), start, grant.id);
    setPlayback(p);
    const leave = () => p.close();
    addEventListener("pagehide", leave);
    return () => {
      removeEventListener("pagehide", leave);
      p.close();
    };
    // A session that is still recording keeps its playback while the timeline grows.
  }, [session.id, names, grant.id]);

  if (!playback) return <p class="quiet">{say("connecting")}</p>;
  return (
    <>
      {playback.problem.value && <Refused why={playback.problem.value} />}
      <Stage playback={playback} cameras={open.cameras} />
      <Transport playback={playback} cameras={open.cameras} />
      <Timeline
        data={data}
        at={at}
        range={marked}
        open={{ from: open.from, to: open.to, cameras: open.cameras.map((c) => c.id) }}
        onSeek={(t) => void playback.seek(t).catch(() => undefined)}
      />
      <footer class="quiet">{say("review_keys")}</footer>
      <AskGrant data={data} range={range} onWhole={clear} />
    </>
  );
}
