import { useState } from "preact/hooks";
import { may, me, type Site } from "../../lib/api";
import { peopleRoles, type User } from "../../lib/admin";
import type { Page } from "../../lib/evidence";
import { say, sayCode } from "../../lib/i18n";
import { usePoll } from "../../lib/poll";
import { showOnce } from "../../lib/secret";
import { Acting } from "../../parts/Acting";
import { AdminNav } from "../../parts/AdminNav";
import { AskForm } from "../../parts/AskForm";
import { Asked, type Open, useOpen } from "../../parts/Asked";
import { Checks } from "../../parts/Checks";
import { Field } from "../../parts/Field";
import { ListState } from "../../parts/ListState";
import { Refused } from "../../parts/Refused";
import { SignInLine } from "../../parts/SignInLine";
import type { SignedIn } from "../../lib/api";

/** The accounts: who they are, what they may do, where they are signed in. Roles are asked for and approved by another. */
export function Users() {
  const list = usePoll<Page<User>>(may("manage_users") ? "/users" : null, 10_000);
  const sites = usePoll<Page<Site>>(may("view_sites") ? "/sites" : null, 60_000);
  const open = useOpen("roles");
  if (!may("manage_users")) return <main class="page">{say("not_allowed")}</main>;
  const users = [...(list.value?.items ?? [])].sort((a, b) => a.login.localeCompare(b.login));
  return (
    <main class="page">
      <h1>{say("users")}</h1>
      <AdminNav />
      <NewUser />
      {open.error && <Refused why={open.error} />}
      {sites.error && <Refused why={sites.error} />}
      <ListState of={list} none={say("no_users")} />
      {users.map((u) => (
        <One key={u.id} u={u} sites={sites.value?.items ?? []} open={open} />
      ))}
    </main>
  );
}

function NewUser() {
  return (
    <AskForm<User>
      text={say("add_user")}
      path="/users"
      body={(f) => ({ login: f.get("login"), name: f.get("name") })}
      done={(u) => showOnce(say("password_of", { login: u.login }), u.password)}
    >
      <Field name="login" label={say("login")} required focus maxLength={64} />
      <Field name="name" label={say("name")} required />
      <p class="quiet">{say("new_user_why")}</p>
    </AskForm>
  );
}

/** What keeps an account from being used as it is, in words. */
function state(u: User): string {
  return [
    u.disabled && say("account_closed"),
    u.must_change && say("password_by_other"),
    u.issuer && say("signs_in_with_provider"),
  ]
    .filter(Boolean)
    .join(" · ");
}

function One({ u, sites, open }: { u: User; sites: Site[]; open: Open }) {
  const siteName = (id: string) => sites.find((s) => s.id === id)?.name ?? id;
  const asked = open.requests.filter((r) => r.asked.user_id === u.id);
  const own = u.id === me.value?.id;
  return (
    <article class="panel" aria-label={u.login} data-user={u.login}>
      <div class="summary">
        <h2>
          {u.name} <span class="quiet">{u.login}</span>
        </h2>
        <span>{u.roles.map((r) => sayCode("role", r)).join(", ") || say("without_roles")}</span>
        <span class="quiet">{u.site_ids.map(siteName).join(", ")}</span>
        <span class={u.disabled ? "failed" : "quiet"}>{state(u)}</span>
      </div>
      {asked.map((r) => (
        <div class="line" key={r.id}>
          <Asked r={r} />
        </div>
      ))}
      <div class="line">
        {!own && !u.issuer && may("ask_roles") && <AskRoles u={u} sites={sites} />}
        {!own && <Access u={u} />}
        {may("manage_sign_ins") && <UserSignIns u={u} />}
      </div>
    </article>
  );
}

/** Asks that the account shall have exactly these roles and sites. */
function AskRoles({ u, sites }: { u: User; sites: Site[] }) {
  return (
    <AskForm
      text={say("request_other_roles")}
      path="/requests"
      body={(f) => ({
        kind: "roles",
        user_id: u.id,
        roles: f.getAll("role"),
        site_ids: f.getAll("site"),
        reason: f.get("reason"),
      })}
    >
      <Checks
        name="role"
        label={say("roles_asked")}
        ticked={u.roles}
        options={peopleRoles.map((code) => ({ code, text: sayCode("role", code) }))}
      />
      <Checks
        name="site"
        label={say("sites_asked")}
        ticked={u.site_ids}
        options={sites.map((s) => ({ code: s.id, text: s.name }))}
      />
      <Field name="reason" label={say("reason")} required focus />
      <p class="quiet">{say("roles_end_sign_ins")}</p>
    </AskForm>
  );
}

/** Closes and opens an account, and gives it another password; what that takes away is said first. */
function Access({ u }: { u: User }) {
  const name = (text: string) => `${text}: ${u.login}`;
  return (
    <>
      {u.disabled ? (
        <>
          <p class="attention">▲ {say("open_takes")}</p>
          <Acting
            path={`/users/${u.id}`}
            method="PATCH"
            body={{ disabled: false }}
            text={say("open_account")}
            label={name(say("open_account"))}
            sure
          />
        </>
      ) : (
        <Acting
          path={`/users/${u.id}`}
          method="PATCH"
          body={{ disabled: true }}
          text={say("close_account")}
          label={name(say("close_account"))}
          sure
        />
      )}
      {u.local && (
        <AskForm<User>
          text={say("reset_password")}
          path={`/users/${u.id}`}
          method="PATCH"
          body={() => ({ new_password: true })}
          done={(x) => showOnce(say("password_of", { login: x.login }), x.password)}
        >
          <p class="attention">▲ {say("reset_takes")}</p>
        </AskForm>
      )}
    </>
  );
}

/** Where an account is signed in; each sign-in can be ended. */
function UserSignIns({ u }: { u: User }) {
  const [shown, show] = useState(false);
  return (
    <>
      <button type="button" aria-expanded={shown} onClick={() => show(!shown)}>
        {say("sign_ins")}
      </button>
      {shown && <SignInsOf u={u} />}
    </>
  );
}

function SignInsOf({ u }: { u: User }) {
  const list = usePoll<Page<SignedIn>>(`/users/${u.id}/sign-ins`, 10_000);
  return (
    <div class="whole">
      <ListState of={list} none={say("not_signed_in")} />
      {list.value?.items.map((s) => (
        <SignInLine key={s.id} s={s} path={`/sign-ins/${s.id}`} />
      ))}
    </div>
  );
}
