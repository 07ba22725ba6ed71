import { useState } from "preact/hooks";
import { may, me } from "../lib/api";
import type { Page } from "../lib/evidence";
import type { Incident } from "../lib/exam";
import type { Appeal } from "../lib/foureyes";
import { say, sayCode } from "../lib/i18n";
import { incidentText } from "../lib/incident";
import { usePoll } from "../lib/poll";

export interface CaseOption {
  code: string;
  text: string;
}
export interface Cases {
  options: CaseOption[];
  /** Whether all of them are known by now. */
  read: boolean;
  error: string;
}

/** What it is for. The choice stays while the list is read anew. */
export function Case({ cases, optional = false }: { cases: CaseOption[]; optional?: boolean }) {
  const [picked, pick] = useState("");
  const value = cases.some((c) => c.code === picked) ? picked : (cases[0]?.code ?? "");
  return (
    <label class="field">
      <span>{say("case")}</span>
      <select name="case" required={!optional} value={value} onChange={(e) => pick(e.currentTarget.value)}>
        {cases.map((c) => (
          <option key={c.code} value={c.code}>
            {c.text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A grant is for a case: without any there is nothing to ask for. */
export function NoCase() {
  return (
    <p class="attention">
      ▲ {say("no_case")} {may("view_appeals") && <a href="/appeals">{say("open_appeal")}</a>}
    </p>
  );
}

/** The cases of a session: its appeals, those that are open or all, and its incidents; for a grant also what the role may look for by itself. */
export function useCases(session: string, which: "open" | "all"): Cases {
  const states = which === "open" ? "&state=opened&state=court" : "";
  const appeals = usePoll<Page<Appeal>>(
    may("view_appeals") ? `/appeals?session=${session}${states}` : null,
    10_000,
  );
  const incidents = usePoll<Page<Incident>>(`/exam-sessions/${session}/incidents`, 10_000);
  const standing = (incidents.value?.items ?? []).filter((i) => i.state !== "retracted");
  return {
    error: appeals.error || incidents.error,
    read: Boolean(incidents.value && (appeals.value || !may("view_appeals"))),
    options: [
      ...(appeals.value?.items ?? []).map((a) => ({
        code: `appeal:${a.reference}`,
        text: say("for_appeal", { ref: a.reference }),
      })),
      ...standing.map((i) => ({ code: `incident_id:${i.id}`, text: incidentText(i) })),
      ...(which === "open" ? purposes() : []),
    ],
  };
}

/** What a role may look for without a case (the purposes of a grant in api/openapi.yaml). */
function purposes(): CaseOption[] {
  const has = (role: string) => me.value?.roles.includes(role) ?? false;
  const codes = [
    ...(has("reviewer") || has("security") ? ["data_subject"] : []),
    ...(has("security") ? ["security"] : []),
  ];
  return codes.map((p) => ({ code: `purpose:${p}`, text: sayCode("purpose", p) }));
}

/** The field of a request's body that names what was picked. */
export function caseOf(filled: FormData): Record<string, string> {
  const [kind, ...rest] = String(filled.get("case") ?? "").split(":");
  return kind ? { [kind]: rest.join(":") } : {};
}
