import { useEffect, useState } from "preact/hooks";
import { call, me, type Me, type SignInWays } from "../lib/api";
import { say } from "../lib/i18n";
import { hasPasskeys, signInWithPasskey, whyNot } from "../lib/passkey";
import { LanguageButton } from "../parts/Header";
import { Refused } from "../parts/Refused";

/** Signing in: with the provider where there is one, a passkey, or a password. */
export function SignIn() {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const [ways, setWays] = useState<SignInWays>({ password: true, passkey: false, oidc: null });
  useEffect(() => {
    call<SignInWays>("GET", "/sign-in").then(setWays, () => undefined); // the password is offered anyway
  }, []);
  const attempt = async (signIn: () => Promise<unknown>) => {
    setBusy(true);
    setError("");
    whyNot.value = "";
    try {
      await signIn();
    } catch (e) {
      setError((e as Error).message);
      setBusy(false);
    }
  };
  const byPassword = (e: SubmitEvent) => {
    e.preventDefault();
    const form = new FormData(e.currentTarget as HTMLFormElement);
    const body = { login: form.get("login"), password: form.get("password") };
    void attempt(async () => (me.value = await call<Me>("POST", "/sign-in", body)));
  };
  const to = encodeURIComponent(location.pathname);
  const passkey = ways.passkey && hasPasskeys();
  return (
    <main class="sign-in">
      <form onSubmit={byPassword}>
        <h1>Lieciba</h1>
        {whyNot.value && <Refused why={whyNot.value} />}
        {ways.oidc && (
          <a class="button" href={`/v1/sign-in/oidc?to=${to}`}>
            {say("sign_in_with", { name: ways.oidc.name })}
          </a>
        )}
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
        {passkey && (
          <button type="button" disabled={busy} onClick={() => void attempt(signInWithPasskey)}>
            {say("sign_in_passkey")}
          </button>
        )}
        <LanguageButton />
      </form>
    </main>
  );
}
