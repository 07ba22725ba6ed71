import { useEffect, useRef, useState } from "preact/hooks";
import type { Recording, Timeline as Data } from "../lib/api";
import { say, sayCode } from "../lib/i18n";
import { Scale } from "../lib/scale";
import { clockTime } from "../lib/time";

interface Props {
  data: Data;
  at: number;
  onSeek: (ms: number) => void;
  /** What a grant opens; the rest is greyed. */
  open?: Open;
  /** What the keys have marked. */
  range?: { from: number; to: number } | null;
}
interface Open {
  from: number;
  to: number;
  cameras: string[];
}

const ms = (s: string) => Date.parse(s);

/** What is on record and what is not: a row a camera, gaps hatched and named. A click or a drag seeks, the wheel zooms. */
export function Timeline({ data, at, onSeek, open, range }: Props) {
  const whole = new Scale(ms(data.window.from), ms(data.window.to));
  const [zoomed, setZoomed] = useState<Scale | null>(null);
  const scale = zoomed ?? whole;
  const box = useRef<HTMLDivElement>(null);

  const timeOf = (e: MouseEvent) => {
    const r = box.current?.getBoundingClientRect();
    return r ? scale.time((e.clientX - r.left) / r.width) : at;
  };
  useEffect(() => {
    const el = box.current;
    const wheel = (e: WheelEvent) => {
      e.preventDefault();
      const next = scale.zoom(e.deltaY > 0 ? 1.25 : 0.8, timeOf(e), whole);
      setZoomed(next.to - next.from >= whole.to - whole.from ? null : next);
    };
    el?.addEventListener("wheel", wheel, { passive: false });
    return () => el?.removeEventListener("wheel", wheel);
  });

  return (
    <section class="timeline" aria-label={say("timeline")} title={say("click_seeks")}>
      <div class="names">
        <span />
        {data.recordings.map((r) => (
          <span key={r.id}>{r.camera_name}</span>
        ))}
        <span>{say("parts")}</span>
      </div>
      <div
        class="tracks"
        ref={box}
        role="slider"
        tabIndex={0}
        aria-label={say("timeline")}
        aria-valuemin={whole.from}
        aria-valuemax={whole.to}
        aria-valuenow={Math.round(at)}
        aria-valuetext={clockTime(new Date(at))}
        onPointerDown={(e) => {
          e.currentTarget.setPointerCapture(e.pointerId);
          onSeek(timeOf(e));
        }}
        onPointerMove={(e) => e.buttons === 1 && onSeek(timeOf(e))}
      >
        <div class="ticks">
          {scale.ticks(8).map((t) => (
            <span key={t} style={{ left: `${scale.at(t)}%` }}>
              {clockTime(new Date(t))}
            </span>
          ))}
        </div>
        {data.recordings.map((r) => (
          <RecordingRow key={r.id} recording={r} scale={scale} now={ms(data.now)} open={open} />
        ))}
        <div class="row parts">
          {data.parts.map((p) => (
            <span key={p.id} style={scale.span(ms(p.starts_at), ms(p.ends_at))}>
              {sayCode("part", p.kind)}
            </span>
          ))}
        </div>
        {range && <div class="range" style={scale.span(range.from, range.to)} />}
        <div class="playhead" style={{ left: `${Math.min(100, Math.max(0, scale.at(at)))}%` }} />
      </div>
    </section>
  );
}

interface RowProps {
  recording: Recording;
  scale: Scale;
  now: number;
  open: Open | undefined;
}

function RecordingRow({ recording: r, scale, now, open }: RowProps) {
  const spans = [...r.segments, ...(r.growing ? [r.growing] : [])];
  return (
    <div class="row" data-camera={r.camera_id}>
      {spans.map((s) => (
        <span key={s.from} class="kept" style={scale.span(ms(s.from), ms(s.to))} />
      ))}
      {r.gaps.map((g) => {
        const to = g.to ? ms(g.to) : Math.min(now, scale.to);
        const name = `${say("gap")} ${clockTime(new Date(g.from))}–${g.to ? clockTime(new Date(g.to)) : "…"}, ${sayCode("cause", g.cause)}`;
        return (
          <span
            key={g.id}
            class="gap"
            role="img"
            aria-label={name}
            title={name}
            style={scale.span(ms(g.from), to)}
          />
        );
      })}
      {open && <Barred recording={r} scale={scale} open={open} />}
    </div>
  );
}

/** What of a row the grant does not open, with the reason. */
function Barred({ recording: r, scale, open }: { recording: Recording; scale: Scale; open: Open }) {
  const whole = { from: ms(r.window.from), to: ms(r.window.to) };
  const all = !open.cameras.includes(r.camera_id);
  const spans = all
    ? [whole]
    : [
        { from: whole.from, to: open.from },
        { from: open.to, to: whole.to },
      ];
  const why = say(all ? "not_granted_camera" : "not_granted");
  return (
    <>
      {spans
        .filter((s) => s.from < s.to)
        .map((s) => (
          <span
            key={s.from}
            class="barred"
            role="img"
            aria-label={`${clockTime(new Date(s.from))}–${clockTime(new Date(s.to))}: ${why}`}
            title={why}
            style={scale.span(s.from, s.to)}
          />
        ))}
    </>
  );
}
