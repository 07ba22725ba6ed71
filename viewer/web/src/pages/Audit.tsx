import { useLocation } from "preact-iso";
import { useState } from "preact/hooks";
import { call, may } from "../lib/api";
import { saveCSV } from "../lib/csv";
import type { AuditEntry, LogCheck, LogState, Page } from "../lib/evidence";
import { choices, language, say, sayCode, type Word } from "../lib/i18n";
import { usePoll } from "../lib/poll";
import { clockTime, when, rigaInstant, rigaLocal } from "../lib/time";
import { Choice } from "../parts/Choice";
import { Field } from "../parts/Field";
import { ListState } from "../parts/ListState";
import { Refused } from "../parts/Refused";

const FILTERS = ["who", "act", "session", "from", "to", "outcome"] as const;

/** Who did what, to which object, when and with what outcome; and whether the log is whole. */
export function Audit() {
  const { query, route } = useLocation();
  const wanted = new URLSearchParams();
  for (const f of FILTERS) if (query[f]) wanted.set(f, query[f]);
  wanted.set("limit", "200");
  const list = usePoll<Page<AuditEntry>>(`/audit?${wanted.toString()}`, 5000);
  const search = (ev: SubmitEvent) => {
    ev.preventDefault();
    const data = new FormData(ev.currentTarget as HTMLFormElement);
    const next = new URLSearchParams();
    for (const f of FILTERS) {
      const v = String(data.get(f) ?? "").trim();
      if (v) next.set(f, f === "from" || f === "to" ? rigaInstant(v) : v);
    }
    route(`/audit?${next.toString()}`);
  };
  const items = list.value?.items ?? [];
  return (
    <main class="page">
      <h1>{say("audit")}</h1>
      {may("read_evidence") && <Log />}
      <form class="filters" onSubmit={search} role="search">
        <Field name="who" label={say("who")} value={query["who"] ?? ""} />
        <Choice
          name="act"
          label={say("act")}
          value={query["act"] ?? ""}
          options={options("act", "all_acts")}
        />
        <Field name="session" label={say("session")} value={query["session"] ?? ""} />
        <Field
          name="from"
          label={say("from_time")}
          type="datetime-local"
          value={rigaLocal(query["from"] ?? "")}
        />
        <Field name="to" label={say("to_time")} type="datetime-local" value={rigaLocal(query["to"] ?? "")} />
        <Choice
          name="outcome"
          label={say("outcome")}
          value={query["outcome"] ?? ""}
          options={options("outcome", "all_outcomes")}
        />
        <div class="actions">
          <button class="main">{say("search")}</button>
          <button type="button" disabled={items.length === 0} onClick={() => save(items)}>
            CSV
          </button>
        </div>
      </form>
      <ListState of={list} none={say("no_entries")} />
      {items.length > 0 && <Entries items={items} />}
    </main>
  );
}

/** The codes of a prefix with their words, by word; the first stands for all. */
function options(prefix: "act" | "outcome", all: Word) {
  const list = choices(prefix);
  list.sort((a, b) => a.text.localeCompare(b.text, language.value));
  return [{ code: "", text: say(all) }, ...list];
}

function save(items: AuditEntry[]) {
  const head = [
    "at",
    "who",
    "act",
    "object",
    "session_id",
    "camera_id",
    "from",
    "to",
    "outcome",
    "detail",
    "address",
    "log_index",
  ];
  saveCSV("audit.csv", [head, ...items.map((e) => head.map((k) => e[k as keyof AuditEntry]))]);
}

function Entries({ items }: { items: AuditEntry[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th>{say("time")}</th>
          <th>{say("who")}</th>
          <th>{say("what")}</th>
          <th>{say("outcome")}</th>
          <th class="number">{say("log_entry")}</th>
        </tr>
      </thead>
      <tbody>
        {items.map((e) => (
          <tr key={e.id}>
            <td class="figures">
              {when(e.at)}:{clockTime(new Date(e.at)).slice(6)}
            </td>
            <td>
              {e.who}
              {e.address && <span class="quiet"> {e.address}</span>}
            </td>
            <td>
              <What e={e} />
            </td>
            <td class={e.outcome === "ok" ? "" : "attention"}>{sayCode("outcome", e.outcome)}</td>
            <td class="number">{e.log_index ?? <span class="quiet">{say("staged")}</span>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function What({ e }: { e: AuditEntry }) {
  return (
    <>
      {sayCode("act", e.act)}
      {e.session_id && (
        <>
          {" · "}
          <a href={`/sessions/${e.session_id}`}>{say("session")}</a>
        </>
      )}
      {e.from && e.to && (
        <span class="figures">
          {" "}
          {clockTime(new Date(e.from))}–{clockTime(new Date(e.to))}
        </span>
      )}
      <div class="quiet">{e.detail || e.object}</div>
    </>
  );
}

/** The state of the hash log, its witnesses, and the check of the whole chain. */
function Log() {
  const state = usePoll<LogState>("/log/state", 5000);
  const s = state.value;
  if (state.error) return <Refused why={state.error} />;
  if (!s) return null;
  return (
    <section class="panel" aria-label={say("hash_log")}>
      <h2>{say("hash_log")}</h2>
      <p>
        {say("log_entries", { n: s.size })}
        {s.at && ` · ${say("signed_at", { time: when(s.at) })}`}
        {s.staged > 0 && ` · ${say("log_staged", { n: s.staged })}`}
      </p>
      <p>
        {say("key_fingerprint")}{" "}
        <code class="fingerprint">{(s.fingerprint.match(/.{1,4}/g) ?? []).join(" ")}</code>
      </p>
      {s.witnesses.length === 0 && <p class="attention">{say("not_witnessed")}</p>}
      {s.witnesses.map((w) => (
        <p key={w.name}>
          {say("witness")} {w.name}:{" "}
          {w.at ? say("witnessed", { n: w.size, time: when(w.at) }) : say("not_witnessed")}
        </p>
      ))}
      {may("check_evidence") && <Check />}
    </section>
  );
}

function Check() {
  const [problem, setProblem] = useState("");
  const check = usePoll<LogCheck>("/log/check", 1000);
  const c = check.value;
  const start = () =>
    call("POST", "/log/check", {})
      .then(() => setProblem(""))
      .catch((e: Error) => setProblem(e.message));
  return (
    <div class="line">
      <button type="button" disabled={c?.state === "running"} onClick={() => void start()}>
        {say("check_log")}
      </button>
      {c?.state === "running" && <progress max={1} value={c.progress} aria-label={say("check_log")} />}
      {c?.result && c.result.violations.length === 0 && <span class="good">✓ {say("log_whole")}</span>}
      {c?.result && c.result.violations.length > 0 && (
        <span class="failed" role="alert">
          {c.result.first_broken} {c.result.violations.map((v) => `${v.object}: ${v.message}`).join("; ")}
        </span>
      )}
      {problem && <Refused why={problem} />}
    </div>
  );
}
