import { signal } from "@preact/signals";
import { call, me, type Me } from "./api";
import { say, sayCode } from "./i18n";

interface Options {
  publicKey: never;
}

/** Whether this page's address has passkeys: a name, over TLS or on this machine. */
export const hasPasskeys = () => "PublicKeyCredential" in window && !/^[\d.]+$|:/.test(location.hostname);

async function answer(made: Promise<Credential | null>): Promise<unknown> {
  try {
    const key = (await made) as PublicKeyCredential | null;
    if (key) return key.toJSON();
  } catch {
    // The person cancelled, or the authenticator has none: both look alike on purpose.
  }
  throw new Error(say("passkey_failed"));
}

const get = async (o: Options) =>
  answer(
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(o.publicKey) }),
  );

export async function signInWithPasskey() {
  const credential = await get(await call<Options>("POST", "/sign-in/passkey/options"));
  me.value = await call<Me>("POST", "/sign-in/passkey", { credential });
}

export async function proveWithPasskey() {
  const credential = await get(await call<Options>("POST", "/me/proof/passkey/options"));
  await call("POST", "/me/proof/passkey", { credential });
}

export async function registerPasskey(name: string) {
  const o = await call<Options>("POST", "/me/passkeys/options");
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(o.publicKey);
  const credential = await answer(navigator.credentials.create({ publicKey }));
  await call("POST", "/me/passkeys", { name, credential });
}

/** Why the provider's sign-in was refused, in words; the server says it in the address once. */
export const whyNot = signal("");

export function readWhyNot() {
  const here = new URL(location.href);
  const code = here.searchParams.get("sign_in_failed");
  if (!code) return;
  whyNot.value = sayCode("refusal", code);
  here.searchParams.delete("sign_in_failed");
  history.replaceState(null, "", here);
}
