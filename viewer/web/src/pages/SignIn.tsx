import { useState } from "preact/hooks";
import { call, me, type Me } from "../lib/api";
import { say } from "../lib/i18n";
import { LanguageButton } from "../parts/Header";
import { Refused } from "../parts/Refused";

export function SignIn() {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    setBusy(true);
    setError("");
    try {
      me.value = await call<Me>("POST", "/sign-in", {
        login: form.get("login"),
        password: form.get("password"),
      });
    } catch (e) {
      setError((e as Error).message);
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form onSubmit={(e) => void submit(e)}>
        <h1>Lieciba</h1>
        <label>
          {say("login")}
          <input name="login" autocomplete="username" autocapitalize="none" required autofocus />
        </label>
        <label>
          {say("password")}
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        {error && <Refused why={error} />}
        <button class="main" disabled={busy}>
          {say("sign_in")}
        </button>
        <LanguageButton />
      </form>
    </main>
  );
}
