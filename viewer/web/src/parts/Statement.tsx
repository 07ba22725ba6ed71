import type { Session } from "../lib/api";
import type { Coverage, CoverageRecording } from "../lib/evidence";
import { say, sayCode } from "../lib/i18n";
import { clockTime, when, length } from "../lib/time";

const milliseconds = (v: number) => `${v > 0 ? "+" : v < 0 ? "−" : ""}${Math.abs(v)}`;

function Clock({ of }: { of: CoverageRecording["clock"] }) {
  const { offset_ms_min: low, offset_ms_max: high, quality } = of;
  if (low === null || high === null) return <span class="quiet">{sayCode("clock", "unknown")}</span>;
  const range = low === high ? milliseconds(low) : `${milliseconds(low)} … ${milliseconds(high)}`;
  return (
    <span class={quality === "good" ? "" : "attention"}>
      <span class="figures">{range} ms</span> {sayCode("clock", quality)}
    </span>
  );
}

function Sealed({ r }: { r: CoverageRecording }) {
  if (!r.sealed_at || !r.seal_sha256) return <span class="quiet">{sayCode("recording", r.state)}</span>;
  return (
    <span title={r.seal_sha256}>
      {say("sealed_at", { time: when(r.sealed_at) })} <code>{r.seal_sha256.slice(0, 12)}…</code>
    </span>
  );
}

/** The coverage statement: what was expected of each camera, what is there, and why the rest is not. */
export function Statement({ session, data }: { session: Session; data: Coverage }) {
  return (
    <section class="facts" aria-label={say("coverage_statement")}>
      <table>
        <caption>
          {say("coverage_statement")} · {say("log_entries", { n: data.log_size })}
        </caption>
        <thead>
          <tr>
            <th>{say("camera")}</th>
            <th class="number">{say("expected")}</th>
            <th class="number">{say("recorded")}</th>
            <th class="number">{say("missing")}</th>
            <th>{say("gaps")}</th>
            <th>{say("clock_offset")}</th>
            <th>{say("seal")}</th>
          </tr>
        </thead>
        <tbody>
          {data.recordings.map((r) => (
            <tr key={r.id}>
              <td>{r.camera_name}</td>
              <td class="number">{length(r.expected_s)}</td>
              <td class="number">{length(r.recorded_s)}</td>
              <td class="number">{length(r.missing_s)}</td>
              <td>
                {r.gaps.length === 0 && <span class="quiet">{say("no_gaps")}</span>}
                {r.gaps.map((g) => (
                  <div key={g.id}>
                    <span class="figures">
                      {clockTime(new Date(g.from))}–{g.to ? clockTime(new Date(g.to)) : "…"}
                    </span>{" "}
                    {sayCode("cause", g.cause)}
                  </div>
                ))}
              </td>
              <td>
                <Clock of={r.clock} />
              </td>
              <td>
                <Sealed r={r} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {session.parts.length > 0 && (
        <ul class="parts">
          {session.parts.map((p) => (
            <li key={p.id}>
              <span class="figures">{clockTime(new Date(p.starts_at))}</span> {sayCode("part", p.kind)}
              {p.sound && ` · ${say("sound")}`}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
