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
            {a.from && a.to ? between(a.from, a.to) : say("whole_session")} ({say("tz")})
          </Fact>
          {a.clip_from && a.clip_to && (
            <Fact name={say("clip")}>
              {between(a.clip_from, a.clip_to)} ({say("tz")})
            </Fact>
          )}
        </>
      )}
      {s.recording && (
        <Fact name={say("camera")}>
          {s.recording.camera_name}, {between(s.recording.window.from, s.recording.window.to)}
        </Fact>
      )}
      {s.footage && (
        <Fact name={say("how_much")}>
          {say("footage_sum", {
            length: length(s.footage.seconds),
            size: bytes(s.footage.bytes),
            n: s.footage.segments,
          })}
          {r.kind === "export" && <Leaves f={s.footage} />}
        </Fact>
      )}
      {a.until && <Fact name={say("grant_until")}>{when(a.until)}</Fact>}
      <CaseFact r={r} />
      {a.recipient_name && <Recipient r={r} />}
      <About r={r} />
    </>
  );
}

const between = (from: string, to: string) => span(new Date(from), new Date(to));

/** A package holds all that its cameras recorded, whatever its copy for watching shows. */
function Leaves({ f }: { f: NonNullable<Request["summary"]["footage"]> }) {
  return (
    <div class="attention">
      ▲ {say("leaves_all", { n: f.cameras })}
      {f.from && f.to && ` ${between(f.from, f.to)}`}
    </div>
  );
}

/** Who gets a package, and whether the key is one that this name had before. */
function Recipient({ r: { asked: a, summary: s } }: { r: Request }) {
  const kind = a.recipient_kind ? ` (${sayCode("recipient", a.recipient_kind)})` : "";
  const k = s.recipient;
  return (
    <>
      <Fact name={say("recipient")}>
        {a.recipient_name}
        {kind}, {a.recipient ? say("encrypted_for", { key: a.recipient }) : say("not_encrypted")}
      </Fact>
      {k && a.recipient && (
        <Fact name={say("key_fingerprint")}>
          <code>{grouped(k.fingerprint)}</code>
          {k.packages > 0 ? (
            <div class="good">✓ {say("key_known", { n: k.packages })}</div>
          ) : (
            <div class="attention">▲ {say("key_new")}</div>
          )}
          {k.other_keys > 0 && <div class="attention">▲ {say("key_others", { n: k.other_keys })}</div>}
          {k.other_names.length > 0 && (
            <div class="attention">▲ {say("key_shared", { names: k.other_names.join(", ") })}</div>
          )}
        </Fact>
      )}
    </>
  );
}
