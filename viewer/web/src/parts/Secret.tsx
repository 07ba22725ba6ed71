import { useEffect, useRef, useState } from "preact/hooks";
import { say } from "../lib/i18n";
import { secret } from "../lib/secret";

/** The dialog with what the server says once. One on a page is enough: it stays until it is put away, whatever is drawn anew behind it. */
export function Secret() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [copied, setCopied] = useState(false);
  const told = secret.value;
  useEffect(() => {
    setCopied(false);
    if (told) dialog.current?.showModal();
    else dialog.current?.close();
  }, [told]);
  const copy = () =>
    navigator.clipboard.writeText(told?.value ?? "").then(
      () => setCopied(true),
      () => undefined, // it stands there to be copied by hand
    );
  return (
    <dialog
      ref={dialog}
      class="proof"
      aria-labelledby="secret-title"
      onCancel={(e) => e.preventDefault()} // a slip of the finger must not lose it
    >
      <h2 id="secret-title">{told?.title}</h2>
      <code class="once">{told?.value}</code>
      <p class="attention">▲ {say("shown_once")}</p>
      {navigator.clipboard && (
        <button type="button" onClick={() => void copy()}>
          {copied ? `✓ ${say("copied")}` : say("copy")}
        </button>
      )}
      <button type="button" class="main" onClick={() => (secret.value = null)}>
        {say("put_away")}
      </button>
    </dialog>
  );
}
