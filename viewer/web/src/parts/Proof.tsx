import { useEffect, useRef, useState } from "preact/hooks";
import { call, me, prover } from "../lib/api";
import { say } from "../lib/i18n";
import { hasPasskeys, proveWithPasskey } from "../lib/passkey";
import { Refused } from "./Refused";

/** The dialog that asks a person to prove again that it is them. One on a page is enough: `call` opens it. */
export function Proof() {
  const dialog = useRef<HTMLDialogElement>(null);
  const decided = useRef<(proven: boolean) => void>(() => undefined);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    let open: Promise<boolean> | null = null;
    prover.ask = () => {
      open ??= new Promise<boolean>((done) => {
        decided.current = (proven) => {
          open = null;
          dialog.current?.close();
          done(proven);
        };
        setProblem("");
        dialog.current?.showModal();
      });
      return open;
    };
    return () => {
      prover.ask = null;
    };
  }, []);
  const attempt = async (prove: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await prove();
      decided.current(true);
    } catch (e) {
      setProblem((e as Error).message);
    }
    setBusy(false);
  };
  const byPassword = (ev: SubmitEvent) => {
    ev.preventDefault();
    const form = ev.currentTarget as HTMLFormElement;
    const password = new FormData(form).get("password");
    form.reset();
    void attempt(() => call("POST", "/me/proof/password", { password }));
  };
  const ways = me.value?.prove_by ?? [];
  const password = ways.includes("password");
  const passkey = ways.includes("passkey") && hasPasskeys();
  return (
    <dialog ref={dialog} class="proof" aria-labelledby="proof-title" onCancel={() => decided.current(false)}>
      <h2 id="proof-title">{say("prove_title")}</h2>
      <p>{say("prove_why")}</p>
      {passkey && (
        <button type="button" class="main" disabled={busy} onClick={() => void attempt(proveWithPasskey)}>
          {say("prove_passkey")}
        </button>
      )}
      {password && (
        <form onSubmit={byPassword}>
          <label>
            {say("password")}
            <input name="password" type="password" autocomplete="current-password" required />
          </label>
          <button class="main" disabled={busy}>
            {say("prove")}
          </button>
        </form>
      )}
      {ways.includes("oidc") && (
        <a target="_top" href={`/v1/sign-in/oidc?proof=1&to=${encodeURIComponent(location.pathname)}`}>
          {say("prove_oidc")}
        </a>
      )}
      {!passkey && !password && !ways.includes("oidc") && <p class="attention">{say("prove_none")}</p>}
      {problem && <Refused why={problem} />}
      <button type="button" onClick={() => decided.current(false)}>
        {say("cancel")}
      </button>
    </dialog>
  );
}
