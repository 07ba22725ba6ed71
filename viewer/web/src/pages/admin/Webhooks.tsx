import { useState } from "preact/hooks";
import { may } from "../../lib/api";
import type { Delivery, Webhook } from "../../lib/admin";
import type { Page } from "../../lib/evidence";
import { choices, say, sayCode } from "../../lib/i18n";
import { usePoll } from "../../lib/poll";
import { showOnce } from "../../lib/secret";
import { exactTime, when } from "../../lib/time";
import { Acting } from "../../parts/Acting";
import { AdminNav } from "../../parts/AdminNav";
import { AskForm } from "../../parts/AskForm";
import { Checks } from "../../parts/Checks";
import { Field } from "../../parts/Field";
import { ListState } from "../../parts/ListState";

/** Where notices are sent to, what did not arrive, and sending it again. */
export function Webhooks() {
  const list = usePoll<Page<Webhook>>(may("manage_webhooks") ? "/webhooks" : null, 10_000);
  if (!may("manage_webhooks")) return <main class="page">{say("not_allowed")}</main>;
  return (
    <main class="page">
      <h1>{say("webhooks")}</h1>
      <AdminNav />
      <NewWebhook />
      <ListState of={list} none={say("no_webhooks")} />
      {list.value?.items.map((w) => (
        <One key={w.id} w={w} />
      ))}
    </main>
  );
}

function NewWebhook() {
  return (
    <AskForm<Webhook>
      text={say("add_webhook")}
      path="/webhooks"
      body={(f) => ({
        name: f.get("name"),
        url: f.get("url"),
        source: f.get("source"),
        kinds: f.getAll("kind"),
      })}
      done={(w) => showOnce(say("secret_of", { name: w.name }), w.secret)}
    >
      <Field name="name" label={say("name")} required focus maxLength={64} />
      <Field name="url" label={say("url")} placeholder="https://" required />
      <Field name="source" label={say("source_or_all")} />
      <Checks name="kind" label={say("notices_or_all")} options={choices("notice")} />
    </AskForm>
  );
}

function state(w: Webhook): string {
  if (w.ended) return say("webhook_ended");
  return say(w.disabled ? "webhook_off" : "webhook_on");
}

function One({ w }: { w: Webhook }) {
  const [shown, show] = useState(false);
  const on = !w.ended && !w.disabled;
  return (
    <article class="panel" aria-label={w.name} data-webhook={w.name}>
      <div class="summary">
        <h2>{w.name}</h2>
        <code>{w.url}</code>
        <span class={on ? "good" : "quiet"}>
          {on ? "✓" : "–"} {state(w)}
        </span>
        {w.source && (
          <span>
            {say("source")}: {w.source}
          </span>
        )}
        <span class="quiet">
          {w.kinds.map((k) => sayCode("notice", k)).join(", ") || say("all_but_alarms")}
        </span>
      </div>
      <div class="line">
        {!w.ended && <Changes w={w} />}
        <button type="button" aria-expanded={shown} onClick={() => show(!shown)}>
          {say("deliveries")}
        </button>
        {shown && <Deliveries w={w} />}
      </div>
    </article>
  );
}

/** Off and on, another secret beside the old one, and the end. */
function Changes({ w }: { w: Webhook }) {
  const path = `/webhooks/${w.id}`;
  return (
    <>
      <Acting
        path={path}
        method="PATCH"
        body={{ disabled: !w.disabled }}
        text={say(w.disabled ? "switch_on" : "switch_off")}
        sure={!w.disabled}
      />
      {w.rotating ? (
        <Acting
          path={path}
          method="PATCH"
          body={{ finish_rotation: true }}
          text={say("finish_rotation")}
          sure
        />
      ) : (
        <Acting<Webhook>
          path={path}
          method="PATCH"
          body={{ new_secret: true }}
          text={say("new_secret")}
          sure
          done={(x) => showOnce(say("secret_of", { name: x.name }), x.secret)}
        />
      )}
      <Acting path={path} method="DELETE" text={say("end_webhook")} sure />
    </>
  );
}

const tones: Record<string, string> = { waiting: "attention", delivered: "good", dead: "failed" };
const marks: Record<string, string> = { waiting: "▲", delivered: "✓", dead: "✕" };

/** What was sent, or did not arrive: the dead letters first. */
function Deliveries({ w }: { w: Webhook }) {
  const [state, pick] = useState("dead");
  const list = usePoll<Page<Delivery>>(`/webhooks/${w.id}/deliveries?state=${state}&limit=100`, 5000);
  const rows = list.value?.items ?? [];
  const again = `/webhooks/${w.id}/redelivery`;
  return (
    <div class="whole">
      <label class="field">
        <span>{say("state")}</span>
        <select value={state} onChange={(e) => pick(e.currentTarget.value)}>
          {choices("delivery").map((c) => (
            <option key={c.code} value={c.code}>
              {c.text}
            </option>
          ))}
        </select>
      </label>
      <ListState of={list} none={say("no_deliveries")} />
      {rows.map((d) => (
        <div class="line" key={d.notice.id}>
          <span class="figures">
            {d.notice.number} · {exactTime(new Date(d.notice.at))}
          </span>
          <strong>{sayCode("notice", d.notice.kind)}</strong>
          <span class={tones[d.state] ?? "quiet"}>
            {marks[d.state]} {sayCode("delivery", d.state)}
          </span>
          <span class="quiet">
            {say("attempts", { n: d.attempts })} {d.last_error}
            {d.next_at && ` · ${say("next_attempt", { time: when(d.next_at) })}`}
          </span>
          <span class="grow" />
          {d.state === "dead" && !w.ended && (
            <Acting
              path={again}
              body={{ notice_id: d.notice.id }}
              text={say("send_again")}
              label={`${say("send_again")}: ${d.notice.number}`}
            />
          )}
        </div>
      ))}
      {state === "dead" && rows.length > 1 && !w.ended && (
        <Acting path={again} text={say("send_all_again")} sure />
      )}
    </div>
  );
}
