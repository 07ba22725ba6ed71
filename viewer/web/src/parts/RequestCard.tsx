import { useState } from "preact/hooks";
import { call } from "../lib/api";
import type { Request } from "../lib/foureyes";
import { say, sayCode } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { Acting } from "./Acting";
import { UseRequest } from "./Asked";
import { Field } from "./Field";
import { Refused } from "./Refused";
import { RequestFacts } from "./RequestFacts";

/** One request: who asks, what exactly, and what the person who reads it can do. */
export function RequestCard({ request }: { request: Request }) {
  // What can be approved is read with all that it concerns, where the list left that out.
  const short = request.can.includes("approve") && request.asked.session_id && !request.summary.footage;
  const whole = usePoll<Request>(short ? `/requests/${request.id}` : null, 10_000);
  const r = (short && whole.value) || request;
  const what = sayCode("request", r.kind);
  return (
    <article class="panel request" aria-label={say("asks", { who: r.asked_by, what })} data-request={r.id}>
      <div class="summary">
        <h3>{say("asks", { who: r.asked_by, what })}</h3>
        <span class={tones[r.state] ?? "quiet"}>
          {marks[r.state] ?? ""} {sayCode("step", r.state)}
        </span>
      </div>
      <RequestFacts r={r} />
      {whole.error && <Refused why={whole.error} />}
      {r.can.includes("refuse") && (!short || whole.value) && <Decide r={r} />}
      <Own r={r} />
    </article>
  );
}

const tones: Record<string, string> = { requested: "attention", approved: "good", refused: "failed" };
const marks: Record<string, string> = { requested: "▲", approved: "✓", used: "✓", refused: "✕" };

/** What the asker can do. */
function Own({ r }: { r: Request }) {
  if (!r.can.includes("use") && !r.can.includes("withdraw")) return null;
  return (
    <div class="actions">
      <UseRequest r={r} />
      {r.can.includes("withdraw") && (
        <Acting path={`/requests/${r.id}`} method="DELETE" text={say("withdraw")} sure />
      )}
    </div>
  );
}

/** Yes and no, of one size, to the digest that stands above. What changed under its reader is read anew first. */
function Decide({ r }: { r: Request }) {
  const [seen, setSeen] = useState(r.digest);
  const [refusing, setRefusing] = useState(false);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const decide = async (step: string, body: unknown) => {
    setBusy(true);
    try {
      await call("POST", `/requests/${r.id}/${step}`, body);
      setProblem("");
    } catch (e) {
      setProblem((e as Error).message);
    }
    setBusy(false);
  };
  if (seen !== r.digest)
    return (
      <div class="decide">
        <p class="attention">▲ {say("changed_request")}</p>
        <button type="button" onClick={() => setSeen(r.digest)}>
          {say("have_read")}
        </button>
      </div>
    );
  return (
    <>
      <div class="decide">
        {r.can.includes("approve") && (
          <button type="button" disabled={busy} onClick={() => void decide("approval", { digest: r.digest })}>
            ✓ {say("approve")}
          </button>
        )}
        <button type="button" disabled={busy} aria-expanded={refusing} onClick={() => setRefusing(!refusing)}>
          ✕ {say("refuse")}
        </button>
      </div>
      {refusing && <Refusing busy={busy} onRefuse={(note) => void decide("refusal", { note })} />}
      {problem && <Refused why={problem} />}
    </>
  );
}

function Refusing({ busy, onRefuse }: { busy: boolean; onRefuse: (note: string) => void }) {
  const send = (ev: SubmitEvent) => {
    ev.preventDefault();
    onRefuse(String(new FormData(ev.currentTarget as HTMLFormElement).get("note")));
  };
  return (
    <form class="form" onSubmit={send}>
      <Field name="note" label={say("why_refuse")} required focus />
      <button disabled={busy}>{say("refuse")}</button>
    </form>
  );
}
