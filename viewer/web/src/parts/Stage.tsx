import { useEffect, useRef, useState } from "preact/hooks";
import { typing } from "../lib/keys";
import { say, sayCode } from "../lib/i18n";
import type { Playback } from "../lib/playback";
import { frameTime } from "../lib/time";

interface CameraName {
  id: string;
  name: string;
}

/** All cameras of a session: one large, the rest beside it; a click or a number swaps. */
export function Stage({ playback, cameras }: { playback: Playback; cameras: CameraName[] }) {
  const [main, setMain] = useState(cameras[0]?.id);
  useEffect(() => {
    playback.main = main;
  }, [playback, main]);
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      const nth = cameras[Number(e.key) - 1];
      if (nth && !typing(e.target)) setMain(nth.id);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [cameras]);
  return (
    <div class="stage">
      {cameras.map((c) => (
        <Picture
          key={c.id}
          playback={playback}
          camera={c}
          main={c.id === main}
          onMain={() => setMain(c.id)}
        />
      ))}
      <Sound playback={playback} />
    </div>
  );
}

interface PictureProps {
  playback: Playback;
  camera: CameraName;
  main: boolean;
  onMain: () => void;
}

function Picture({ playback, camera, main, onMain }: PictureProps) {
  const video = useRef<HTMLVideoElement>(null);
  const label = useRef<HTMLTimeElement>(null);
  const stream = playback.streams.value[camera.id];
  const gap = playback.gaps.value[camera.id];
  const error = playback.errors.value[camera.id];
  useEffect(() => {
    if (video.current && stream) video.current.srcObject = stream;
  }, [stream]);
  useEffect(() => {
    if (!video.current) return;
    // Written past the component: a render for each frame of each camera would be waste.
    return playback.watch(camera.id, video.current, (wall) => {
      if (!label.current || !video.current) return;
      label.current.textContent = frameTime(new Date(wall));
      video.current.dataset["wall"] = wall.toFixed(3);
    });
  }, [playback, camera.id]);
  return (
    <button
      class={main ? "view main-view" : "view"}
      data-camera={camera.id}
      onClick={onMain}
      aria-pressed={main}
    >
      <video ref={video} autoplay playsInline muted class={gap ? "dim" : ""} />
      {error && <span class="note">{error}</span>}
      {gap && !error && (
        <span class="note">
          {say("gap")}: {sayCode("cause", gap.cause)}
        </span>
      )}
      <span class="label">
        {camera.name} <time ref={label} class="figures" aria-hidden="true" />
      </span>
    </button>
  );
}

/** The sound of the chosen camera; silent until one is chosen, as browsers ask. */
function Sound({ playback }: { playback: Playback }) {
  const audio = useRef<HTMLAudioElement>(null);
  const stream = playback.sound.value;
  const audible = playback.audible.value;
  useEffect(() => {
    if (!audio.current) return;
    audio.current.srcObject = stream;
    audio.current.muted = audible === null;
    if (audible !== null) void audio.current.play().catch(() => undefined);
  }, [stream, audible]);
  return <audio ref={audio} autoplay muted />;
}
