import { useState } from "preact/hooks";
import { call, changes, me, type Me, type SignedIn } from "../lib/api";
import type { Page } from "../lib/evidence";
import { say } from "../lib/i18n";
import { hasPasskeys, registerPasskey } from "../lib/passkey";
import { usePoll } from "../lib/poll";
import { when } from "../lib/time";
import { Acting } from "../parts/Acting";
import { Field } from "../parts/Field";
import { ListState } from "../parts/ListState";
import { Refused } from "../parts/Refused";
import { SignInLine } from "../parts/SignInLine";

interface Passkey {
  id: string;
  name: string;
  created_at: string;
  used_at: string | null;
}

/** What a person can see and change of their own account. */
export function Account() {
  return (
    <main class="page">
      <h1>{say("account")}</h1>
      <p class="quiet">
        {me.value?.name} · {me.value?.login}
      </p>
      <Passkeys />
      <SignIns />
      {me.value?.local && (
        <section class="panel" aria-label={say("change_password")}>
          <ChangePassword />
        </section>
      )}
    </main>
  );
}

/** The form for one's own password; why says what made it necessary. */
export function ChangePassword({ why = "" }: { why?: string }) {
  const [problem, setProblem] = useState("");
  const [done, setDone] = useState(false);
  const send = async (ev: SubmitEvent) => {
    ev.preventDefault();
    const form = ev.currentTarget as HTMLFormElement;
    const filled = new FormData(form);
    try {
      const body = { current: filled.get("current"), password: filled.get("password") };
      me.value = await call<Me>("PUT", "/me/password", body);
      form.reset();
      setProblem("");
      setDone(true);
    } catch (e) {
      setProblem((e as Error).message);
    }
  };
  return (
    <form onSubmit={(ev) => void send(ev)}>
      <h2>{say("change_password")}</h2>
      {why && <p>{why}</p>}
      <label class="field">
        <span>{say("current_password")}</span>
        <input name="current" type="password" autocomplete="current-password" required />
      </label>
      <label class="field">
        <span>{say("new_password")}</span>
        <input name="password" type="password" autocomplete="new-password" minLength={12} required />
      </label>
      {problem && <Refused why={problem} />}
      {done && <p role="status">{say("password_changed")}</p>}
      <button class="main">{say("change_password")}</button>
    </form>
  );
}

function Passkeys() {
  const list = usePoll<Page<Passkey>>("/me/passkeys", 30_000);
  const [problem, setProblem] = useState("");
  const attempt = async (act: () => Promise<unknown>) => {
    try {
      await act();
      setProblem("");
    } catch (e) {
      setProblem((e as Error).message);
    }
  };
  const add = (ev: SubmitEvent) => {
    ev.preventDefault();
    const form = ev.currentTarget as HTMLFormElement;
    const name = new FormData(form).get("name") as string;
    void attempt(async () => {
      await registerPasskey(name);
      form.reset();
      me.value = await call<Me>("GET", "/me");
      changes.value++;
    });
  };
  return (
    <section class="panel" aria-label={say("passkeys")}>
      <h2>{say("passkeys")}</h2>
      <p class="quiet">{say("passkey_why")}</p>
      <ListState of={list} none={say("no_passkeys")} />
      {list.value?.items.map((k) => (
        <div class="line" key={k.id}>
          <strong>{k.name}</strong>
          <span>{say("passkey_made", { time: when(k.created_at) })}</span>
          {k.used_at && <span>{say("passkey_used", { time: when(k.used_at) })}</span>}
          <span class="grow" />
          <Acting
            path={`/me/passkeys/${k.id}`}
            method="DELETE"
            text={say("remove")}
            label={`${say("remove")}: ${k.name}`}
            sure
          />
        </div>
      ))}
      {hasPasskeys() ? (
        <form class="form" onSubmit={add}>
          <Field name="name" label={say("passkey_name")} required />
          <button class="main">{say("add_passkey")}</button>
        </form>
      ) : (
        <p class="attention">{say("passkeys_off")}</p>
      )}
      {problem && <Refused why={problem} />}
    </section>
  );
}

function SignIns() {
  const list = usePoll<Page<SignedIn>>("/me/sign-ins", 10_000);
  return (
    <section class="panel" aria-label={say("my_sign_ins")}>
      <h2>{say("my_sign_ins")}</h2>
      <ListState of={list} />
      {list.value?.items.map((s) => (
        <SignInLine key={s.id} s={s} path={`/me/sign-ins/${s.id}`} />
      ))}
    </section>
  );
}
