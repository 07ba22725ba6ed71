import { may, type Session } from "../lib/api";
import type { CameraReadiness, Readiness as Read, ReadinessItem } from "../lib/exam";
import { say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { bytes, decimal, when } from "../lib/time";
import { Acting } from "./Acting";
import { AskForm } from "./AskForm";
import { Field } from "./Field";
import { Refused } from "./Refused";

const tones: Record<string, string> = {
  passed: "good",
  failed: "failed",
  overridden: "attention",
  unchecked: "quiet",
};
const marks: Record<string, string> = { passed: "✓", failed: "▬", overridden: "▲", unchecked: "–" };

/** Whether every camera of a session can record: what was measured, who lets the exam begin in spite of what, and the sign-off. */
export function Readiness({ session }: { session: Session }) {
  const path = `/exam-sessions/${session.id}/readiness`;
  const read = usePoll<Read>(path, 3000);
  const r = read.value;
  const toCome = ["planned", "ready", "running"].includes(session.state);
  const acts = toCome && may("check_readiness");
  return (
    <section class="panel" aria-label={say("readiness")}>
      <h2>{say("readiness")}</h2>
      {read.error && <Refused why={read.error} />}
      {!r && !read.error && <p class="quiet">{say("loading")}</p>}
      {r && (
        <>
          <p class={tones[r.ready ? "passed" : r.state] ?? ""} role="status">
            {r.ready ? `✓ ${say("ready_to_begin")}` : `${marks[r.state] ?? ""} ${sayCode("ready", r.state)}`}
            {r.running && ` · ${say("checking", { done: r.running.done, all: r.running.total })}`}
          </p>
          {r.signed_off && (
            <p>
              ✓ {say("signed_off", { who: r.signed_off.by, time: when(r.signed_off.at) })}
              {r.signed_off.reason && `: ${r.signed_off.reason}`}
            </p>
          )}
          {r.cameras.length > 0 && <Cameras list={r.cameras} path={path} acts={acts} />}
          {acts && (
            <div class="actions">
              <Acting path={path} text={say("check_now")} />
              <SignOff path={path} needsReason={r.needs_reason} />
            </div>
          )}
        </>
      )}
    </section>
  );
}

function SignOff({ path, needsReason }: { path: string; needsReason: boolean }) {
  return (
    <AskForm
      text={say("sign_off")}
      path={`${path}/sign-off`}
      body={(f) => ({ reason: f.get("reason") ?? "" })}
    >
      {needsReason && <p class="attention">▲ {say("not_all_ready")}</p>}
      <Field
        name="reason"
        label={say(needsReason ? "why_begin" : "reason_or_none")}
        required={needsReason}
        focus
      />
    </AskForm>
  );
}

function Cameras({ list, path, acts }: { list: CameraReadiness[]; path: string; acts: boolean }) {
  return (
    <table>
      <thead>
        <tr>
          <th>{say("camera")}</th>
          <th>{say("state")}</th>
          <th>{say("measured")}</th>
          <th>{say("time")}</th>
        </tr>
      </thead>
      <tbody>
        {list.map((c) => (
          <tr key={c.camera_id} data-camera={c.camera_id}>
            <td>{c.name}</td>
            <td>
              <span class={tones[c.state] ?? ""}>
                {marks[c.state]} {sayCode("ready", c.state)}
              </span>
              {c.reason && (
                <div class="quiet">
                  {c.by}: {c.reason}
                </div>
              )}
              {acts && c.state === "failed" && (
                <AskForm
                  text={say("override")}
                  path={`${path}/override`}
                  body={(f) => ({ camera_id: c.camera_id, reason: f.get("reason") })}
                >
                  <Field name="reason" label={say("why_begin")} required focus />
                </AskForm>
              )}
            </td>
            <td>
              {c.checking && <div class="quiet">{say("checking_now")}</div>}
              {c.items.map((i) => (
                <Item key={i.check} i={i} />
              ))}
            </td>
            <td class="figures">
              {c.at && when(c.at)}
              {c.when && <div class="quiet">{sayCode("ready_at", c.when)}</div>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const outcomeTones: Record<string, string> = { passed: "good", failed: "failed", not_needed: "quiet" };
const outcomeMarks: Record<string, string> = { passed: "✓", failed: "▬", not_needed: "–" };

/** One check: its outcome, what it found and the figure it stands on. The server's own sentence is the title. */
function Item({ i }: { i: ReadinessItem }) {
  return (
    <div title={i.measured}>
      <span class={outcomeTones[i.outcome] ?? ""}>
        {outcomeMarks[i.outcome]} {sayCode("check", i.check)}
        <span class="hidden"> {sayCode("checked", i.outcome)}</span>
      </span>{" "}
      <span class="figures">{figure(i)}</span>
      {i.fact !== "ok" && <span class="quiet"> {sayCode("fact", i.fact)}</span>}
    </div>
  );
}

function figure(i: ReadinessItem): string {
  if (i.unit === "") return "";
  if (i.unit === "bytes") return bytes(i.value);
  const digits = Math.abs(i.value) < 100 ? 1 : 0;
  return `${decimal(i.value, digits)} ${i.unit}`;
}
