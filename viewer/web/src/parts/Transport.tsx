import { useEffect, useState } from "preact/hooks";
import { say } from "../lib/i18n";
import { typing } from "../lib/keys";
import { Icon, type IconName } from "./Icon";
import type { Playback } from "../lib/playback";
import { frameTime } from "../lib/time";

const speeds = [-16, -8, -4, -2, -1, 0.25, 0.5, 1, 2, 4, 8, 16];

/** Play, step, speed, sound: by mouse and by the keys of a video editor. */
export function Transport({
  playback,
  cameras,
}: {
  playback: Playback;
  cameras: { id: string; name: string }[];
}) {
  const [skip, setSkip] = useState(true);
  const run = (done: Promise<void>) =>
    void done.then(
      () => (playback.problem.value = ""),
      (e: unknown) => (playback.problem.value = (e as Error).message),
    );
  useTransportKeys(playback, run);
  const ready = playback.ready.value;
  const paused = playback.paused.value;
  const button = (label: string, sign: IconName, act: () => Promise<void>, key: string) => (
    <button disabled={!ready} onClick={() => run(act())} title={`${label} (${key})`} aria-label={label}>
      <Icon name={sign} />
    </button>
  );
  const move = (ms: number) => () => playback.seek(playback.at.value + ms);
  return (
    <div class="transport" role="toolbar" aria-label={say("keys")} data-ready={ready}>
      {button(say("back_5"), "back", move(-5000), "←")}
      {button(say("frame_back"), "frameBack", () => playback.step(-1), ",")}
      {button(paused ? say("play") : say("pause"), paused ? "play" : "pause", () => playback.toggle(), "␣")}
      {button(say("frame_forward"), "frameForward", () => playback.step(1), ".")}
      {button(say("forward_5"), "forward", move(5000), "→")}
      <time class="figures clock">
        {frameTime(new Date(playback.at.value))} <span class="quiet">{say("tz")}</span>
      </time>
      <label>
        {say("speed")}{" "}
        <select
          value={playback.rate.value}
          disabled={!ready}
          onChange={(e) => run(playback.speed(Number(e.currentTarget.value)))}
        >
          {speeds.map((s) => (
            <option key={s} value={s}>
              {s}×
            </option>
          ))}
        </select>
      </label>
      <label>
        {say("sound")}{" "}
        <select
          value={playback.audible.value ?? ""}
          disabled={!ready}
          onChange={(e) => run(playback.listen(e.currentTarget.value || null))}
        >
          <option value="">{say("no_sound")}</option>
          {cameras.map((c) => (
            <option key={c.id} value={c.id}>
              {c.name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <input
          type="checkbox"
          checked={skip}
          disabled={!ready}
          onChange={(e) => {
            setSkip(e.currentTarget.checked);
            run(playback.skipGaps(e.currentTarget.checked));
          }}
        />{" "}
        {say("skip_gaps")}
      </label>
      {playback.liveEdge.value !== null && (
        <button disabled={!ready} onClick={() => run(playback.seek((playback.liveEdge.value ?? 0) - 1000))}>
          {say("to_live")}
        </button>
      )}
      {playback.rate.value !== 1 && playback.audible.value && <span class="quiet">{say("speed_mutes")}</span>}
    </div>
  );
}

function useTransportKeys(playback: Playback, run: (p: Promise<void>) => void) {
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      if (typing(e.target)) return;
      const act = keyAct(playback, e);
      if (!act) return;
      e.preventDefault();
      run(act());
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}

function keyAct(p: Playback, e: KeyboardEvent): (() => Promise<void>) | undefined {
  const jump = e.shiftKey ? 60_000 : 5000;
  switch (e.key.toLowerCase()) {
    case " ":
      return () => p.toggle();
    case ",":
      return () => p.step(-1);
    case ".":
      return () => p.step(1);
    case "arrowleft":
      return () => p.seek(p.at.value - jump);
    case "arrowright":
      return () => p.seek(p.at.value + jump);
    case "k":
      return () => p.send("pause");
    case "l":
      return () => faster(p, 1);
    case "j":
      return () => faster(p, -1);
  }
  return undefined;
}

/** L and J: play that way, and twice as fast with each further press. */
async function faster(p: Playback, direction: 1 | -1) {
  const same = Math.sign(p.rate.value) === direction && !p.paused.value;
  await p.speed(same ? Math.max(-16, Math.min(16, p.rate.value * 2)) : direction);
  if (p.paused.value) await p.send("play");
}
