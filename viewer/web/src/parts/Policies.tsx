import { may } from "../lib/api";
import type { Page, Period, Policy } from "../lib/evidence";
import { say, sayCode } from "../lib/i18n";
import { period } from "../lib/period";
import { usePoll } from "../lib/poll";
import { AskOnce, useOpen } from "./Asked";
import { AskForm } from "./AskForm";
import { Field } from "./Field";
import { Refused } from "./Refused";

/** The versions of the retention policies: who wrote them, who approved them, what holds now. */
export function Policies() {
  const list = usePoll<Page<Policy>>("/retention/policies", 5000);
  const open = useOpen("retention_policy");
  const policies = list.value?.items ?? [];
  return (
    <section class="panel" aria-label={say("policies")}>
      <h2>{say("policies")}</h2>
      {list.error && <Refused why={list.error} />}
      {list.value && !policies.some((p) => p.state === "approved") && (
        <p class="attention">{say("no_policy")}</p>
      )}
      {policies.map((p) => (
        <div class="line" key={p.id}>
          <strong>
            {p.name} {p.version}
          </strong>
          <span>{sayCode("policy", p.state)}</span>
          <span>
            {say("kept", { keep: period(p.keep), ceiling: period(p.unanchored) })}
            {p.retroactive && ` · ${say("retroactive")}`}
          </span>
          <span class="quiet">
            {p.purpose} · {p.legal_basis} · {p.drafted_by}
            {p.approved_by && ` → ${p.approved_by}`}
          </span>
          {p.state === "draft" && (
            <AskOnce
              kind="retention_policy"
              about={{ policy_id: p.id }}
              text={say("ask_approval")}
              open={open}
              same={(r) => r.asked.policy_id === p.id}
            />
          )}
        </div>
      ))}
      {may("draft_policy") && <Draft />}
    </section>
  );
}

const draft = (f: FormData) => {
  const of = (name: string): Period => ({
    months: Number(f.get(`${name}_m`)),
    days: Number(f.get(`${name}_d`)),
  });
  return {
    name: f.get("name"),
    purpose: f.get("purpose"),
    legal_basis: f.get("legal_basis"),
    keep: of("keep"),
    unanchored: of("unanchored"),
    warn_before: of("warn"),
    after_appeal: of("appeal"),
    retroactive: f.get("retroactive") !== null,
  };
};

function Draft() {
  return (
    <AskForm text={say("draft_policy")} path="/retention/policies" body={draft}>
      <Field name="name" label={say("name")} value="default" required />
      <Field name="purpose" label={say("purpose")} required />
      <Field name="legal_basis" label={say("legal_basis")} required />
      <PeriodField name="keep" label={say("keep")} months={3} />
      <PeriodField name="unanchored" label={say("ceiling")} months={6} />
      <PeriodField name="warn" label={say("warn_before")} days={14} />
      <PeriodField name="appeal" label={say("after_appeal")} months={1} />
      <label>
        <input type="checkbox" name="retroactive" /> {say("retroactive")}
      </label>
    </AskForm>
  );
}

function PeriodField({
  name,
  label,
  months = 0,
  days = 0,
}: {
  name: string;
  label: string;
  months?: number;
  days?: number;
}) {
  return (
    <fieldset class="period">
      <legend>{label}</legend>
      <Field name={`${name}_m`} label={say("in_months")} type="number" min={0} max={1200} value={months} />
      <Field name={`${name}_d`} label={say("in_days")} type="number" min={0} max={3650} value={days} />
    </fieldset>
  );
}
