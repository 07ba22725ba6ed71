import { useEffect, useRef, useState } from "preact/hooks";
import type { Camera } from "../lib/api";
import { say, sayCode } from "../lib/i18n";
import { Live, type LiveState } from "../lib/live";
import { clockTime, length } from "../lib/time";
import { Icon } from "./Icon";

interface Props {
  camera: Camera;
  number: number;
  large: boolean;
  audible: boolean;
  onEnlarge: () => void;
  onSound: () => void;
}

/** One camera on the wall: its live picture and the truth about its recording. */
export function Tile({ camera, number, large, audible, onEnlarge, onSound }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const [state, setState] = useState<LiveState>({ kind: "connecting" });
  const hasSub = camera.streams.some((s) => s.role === "sub");
  const stream = large || !hasSub ? "main" : "sub";
  const hasSound = camera.streams.some((s) => s.audio);

  useEffect(() => {
    const live = new Live(
      camera.id,
      stream,
      (s) => {
        if (video.current && video.current.srcObject !== s) video.current.srcObject = s;
      },
      setState,
    );
    return () => live.stop();
  }, [camera.id, stream]);

  useEffect(() => {
    if (video.current) video.current.muted = !audible;
  }, [audible]);

  const dim = state.kind === "live" && camera.status?.connected !== false ? "" : " dim";
  return (
    <article class={large ? "tile large" : "tile"} data-camera={camera.id} data-state={state.kind}>
      <button class="picture" onClick={onEnlarge} aria-label={`${say("enlarge")}: ${camera.name}`}>
        <video ref={video} class={dim} autoplay playsInline muted />
        {state.kind !== "live" && <LiveNote state={state} />}
      </button>
      <div class="caption">
        <span class="where">
          <kbd>{number}</kbd> {camera.room_code && `${say("room")} ${camera.room_code} · `}
          {camera.name}
        </span>
        {hasSound ? (
          <button class="plain" aria-pressed={audible} onClick={onSound} title={say("sound")}>
            <span class="hidden">{say("sound_of", { name: camera.name })}</span>
            <Icon name={audible ? "sound" : "silent"} />
          </button>
        ) : (
          <span class="quiet">{say("no_sound")}</span>
        )}
        <RecordingState camera={camera} />
      </div>
    </article>
  );
}

function LiveNote({ state }: { state: LiveState }) {
  if (state.kind === "refused") return <span class="note">{state.why}</span>;
  return <span class="note">{say(state.kind === "lost" ? "reconnecting" : "connecting")}</span>;
}

/** What is really on disk, not what is connected. */
function RecordingState({ camera }: { camera: Camera }) {
  const s = camera.status;
  if (s?.gap_open_since) {
    const text = say("gap_open", {
      time: clockTime(new Date(s.gap_open_since)),
      cause: sayCode("cause", s.gap_cause ?? ""),
    });
    return <span class="mark attention">▲ {text}</span>;
  }
  if (!s?.connected) return <span class="mark failed">▬ {say("offline")}</span>;
  if (!s.recording) return <span class="mark quiet">{say("not_recording")}</span>;
  if (s.last_durable_age_ms === null) return <span class="mark recording">● {say("recording")}</span>;
  return (
    <span class="mark recording">
      ● {say("recording_since", { age: length(s.last_durable_age_ms / 1000) })}
    </span>
  );
}
