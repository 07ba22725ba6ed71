import { grouped, type Request } from "../lib/foureyes";
import { say, sayCode } from "../lib/i18n";
import { bytes, exactTime, length, span, when } from "../lib/time";
import { Fact } from "./Fact";
import { About, CaseFact } from "./RequestAbout";

/** Exactly what is asked for, in words: what an approver says yes to. */
export function RequestFacts({ r }: { r: Request }) {
  return (
    <dl class="request-facts">
      <What r={r} />
      <Fact name={say("reason")}>{r.reason}</Fact>
      <Fact name={say("asked_at")}>{exactTime(new Date(r.asked_at))}</Fact>
      {(r.state === "requested" || r.state === "approved") && (
        <Fact name={say("valid_until")}>{when(r.expires_at)}</Fact>
      )}
      {r.decided_by && (
        <Fact name={say("decided")}>
          {r.decided_by}, {r.decided_at && exactTime(new Date(r.decided_at))}
        </Fact>
      )}
      {r.note && <Fact name={say("refused_because")}>{r.note}</Fact>}
      {r.used_at && <Fact name={say("used_at")}>{exactTime(new Date(r.used_at))}</Fact>}
      <Fact name={say("digest")}>
        <code class="figures">{grouped(r.digest)}</code>
      </Fact>
    </dl>
  );
}

const ofFootage = ["grant", "export"];

function What({ r }: { r: Request }) {
  const { asked: a, summary: s } = r;
  return (
    <>
      {a.session_id && (
        <Fact name={say("session")}>
          <a href={`/sessions/${a.session_id}`}>{s.external_id || a.session_id}</a>,{" "}
          {say("in_room", { code: s.room_code })}
        </Fact>
      )}
      {ofFootage.includes(r.kind) && (
        <>
          <Fact name={say("cameras")}>{s.cameras.join(", ") || say("all_cameras")}</Fact>
          <Fact name={say("footage_span")}>
            {a.from && a.to ? span(new Date(a.from), new Date(a.to)) : say("whole_session")} ({say("tz")})
          </Fact>
        </>
      )}
      {s.recording && (
        <Fact name={say("camera")}>
          {s.recording.camera_name},{" "}
          {span(new Date(s.recording.window.from), new Date(s.recording.window.to))}
        </Fact>
      )}
      {s.footage && (
        <Fact name={say("how_much")}>
          {say("footage_sum", {
            length: length(s.footage.seconds),
            size: bytes(s.footage.bytes),
            n: s.footage.segments,
          })}
        </Fact>
      )}
      {a.until && <Fact name={say("grant_until")}>{when(a.until)}</Fact>}
      <CaseFact r={r} />
      {a.recipient_name && <Fact name={say("recipient")}>{recipient(r)}</Fact>}
      <About r={r} />
    </>
  );
}

function recipient({ asked: a }: Request): string {
  const kind = a.recipient_kind ? ` (${sayCode("recipient", a.recipient_kind)})` : "";
  const key = a.recipient ? say("encrypted_for", { key: a.recipient }) : say("not_encrypted");
  return `${a.recipient_name}${kind}, ${key}`;
}
