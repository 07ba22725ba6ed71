import { useLocation } from "preact-iso";
import { useEffect, useState } from "preact/hooks";
import { type Camera, may, type Site } from "../lib/api";
import { typing } from "../lib/keys";
import { say } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { clockTime } from "../lib/time";
import { Refused } from "../parts/Refused";
import { Tile } from "../parts/Tile";

interface List<T> {
  items: T[];
}

/** All rooms of one site, live. */
export function Wall({ site }: { site?: string }) {
  const sites = usePoll<List<Site>>("/sites", 60_000);
  const list = sites.value?.items;
  const chosen = list?.find((s) => s.id === site) ?? list?.[0];
  if (!may("watch_live")) return <main class="page">{say("not_allowed")}</main>;
  if (sites.error && !list)
    return (
      <main class="page">
        <Refused why={sites.error} />
      </main>
    );
  if (!list) return <main class="page quiet">{say("loading")}</main>;
  if (!chosen) return <main class="page">{say("no_sites")}</main>;
  return <SiteWall key={chosen.id} site={chosen} sites={list} />;
}

function SiteWall({ site, sites }: { site: Site; sites: Site[] }) {
  const { route } = useLocation();
  const cameras = usePoll<List<Camera>>(`/cameras?site=${site.id}`, 1000);
  const [large, setLarge] = useState<string | null>(null);
  const [sound, setSound] = useState<string | null>(null);
  const all = byRoom(cameras.value?.items ?? []);
  useKeys(all, large, setLarge, setSound);
  return (
    <main class="wall">
      <div class="summary">
        <label>
          <span class="hidden">{say("site")}</span>
          <select value={site.id} onChange={(e) => route(`/sites/${e.currentTarget.value}`)}>
            {sites.map((s) => (
              <option value={s.id}>{s.name}</option>
            ))}
          </select>
        </label>
        <Clock />
        <span class="figures">
          {say("recording_count", { n: all.filter((c) => c.status?.recording).length, all: all.length })}
        </span>
        {cameras.error && <Refused why={cameras.error} />}
      </div>
      {cameras.value && all.length === 0 && <p>{say("no_cameras")}</p>}
      <div class={large ? "tiles one-large" : "tiles"}>
        {all.map((c, i) => (
          <Tile
            key={c.id}
            camera={c}
            number={i + 1}
            large={c.id === large}
            audible={c.id === sound}
            onEnlarge={() => setLarge((l) => (l === c.id ? null : c.id))}
            onSound={() => setSound((s) => (s === c.id ? null : c.id))}
          />
        ))}
      </div>
      <footer class="quiet">{say("wall_keys")}</footer>
    </main>
  );
}

function byRoom(cameras: Camera[]): Camera[] {
  const place = (c: Camera) => `${c.room_code ?? "~"} ${c.name}`;
  return cameras.filter((c) => c.state !== "retired").sort((a, b) => place(a).localeCompare(place(b), "lv"));
}

function Clock() {
  const [now, set] = useState(() => new Date());
  useEffect(() => {
    const t = setInterval(() => set(new Date()), 1000);
    return () => clearInterval(t);
  }, []);
  return <time class="figures">{clockTime(now)}</time>;
}

function useKeys(
  cameras: Camera[],
  large: string | null,
  setLarge: (id: string | null) => void,
  setSound: (f: (s: string | null) => string | null) => void,
) {
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (typing(e.target) || e.ctrlKey || e.metaKey || e.altKey) return;
      const nth = cameras[Number(e.key) - 1];
      if (nth) setLarge(nth.id === large ? null : nth.id);
      else if (e.key === "Escape") setLarge(null);
      else if (e.key === "s") setSound((s) => (s ? null : (large ?? cameras[0]?.id ?? null)));
      else if (e.key === "f") void fullScreen();
      else return;
      e.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [cameras, large, setLarge, setSound]);
}

async function fullScreen() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen();
}
