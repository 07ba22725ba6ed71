import type { Deletion, Page, PlanRow } from "../lib/evidence";
import { say } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { bytes, when } from "../lib/time";
import { AskOnce, useOpen } from "../parts/Asked";
import { DeletionLine } from "../parts/DeletionLine";
import { Holds } from "../parts/Holds";
import { Policies } from "../parts/Policies";
import { ListState } from "../parts/ListState";

/** What is kept until when and why, what holds it, and what was deleted under which rule. */
export function Retention() {
  return (
    <main class="page">
      <h1>{say("retention")}</h1>
      <Policies />
      <Plan />
      <Holds />
      <Deletions />
    </main>
  );
}

function Plan() {
  const plan = usePoll<Page<PlanRow>>("/retention/plan", 10_000);
  const open = useOpen("early_deletion");
  const rows = plan.value?.items ?? [];
  return (
    <section class="panel" aria-label={say("plan")}>
      <h2>{say("plan")}</h2>
      <ListState of={plan} none={say("plan_empty")} />
      {rows.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>{say("due_at")}</th>
              <th>{say("session")}</th>
              <th>{say("camera")}</th>
              <th class="number">{say("size")}</th>
              <th>{say("why")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((r) => (
              <tr key={r.recording_id}>
                <td class="figures">{r.due_at ? when(r.due_at) : "—"}</td>
                <td>
                  <a href={`/sessions/${r.session_id}`}>{r.external_id || r.session_id}</a>
                </td>
                <td>{r.camera_name}</td>
                <td class="number">{bytes(r.bytes)}</td>
                <td>
                  {r.due && !r.blocked_by && <strong class="attention">{say("due_now")} </strong>}
                  {r.reason}
                  {r.blocked_by && <div class="quiet">{r.blocked_by}</div>}
                  {r.alarms.map((a) => (
                    <div key={a} class="attention">
                      ▲ {a}
                    </div>
                  ))}
                  {!r.due && !r.started && (
                    <AskOnce
                      kind="early_deletion"
                      about={{ recording_id: r.recording_id }}
                      text={say("ask_early_deletion")}
                      open={open}
                      same={(x) => x.asked.recording_id === r.recording_id}
                    />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Deletions() {
  const list = usePoll<Page<Deletion>>("/deletions", 10_000);
  return (
    <section class="panel" aria-label={say("deletions")}>
      <h2>{say("deletions")}</h2>
      <ListState of={list} none={say("no_deletions")} />
      {list.value?.items.map((d) => (
        <DeletionLine key={d.id} d={d} link />
      ))}
    </section>
  );
}
