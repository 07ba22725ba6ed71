import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { call } from "../lib/api";
import { say } from "../lib/i18n";
import { Refused } from "./Refused";

interface Props<T> {
  /** Of the button that opens the form and of the one that sends it. */
  text: string;
  path: string;
  method?: "POST" | "PUT" | "PATCH";
  /** Makes the body to send of what was filled in. */
  body: (filled: FormData) => unknown;
  /** Takes the answer of what was taken. */
  done?: (answer: T) => void;
  children: ComponentChildren;
}

/** A form behind a button: it sends, closes when that was taken, and says why when not. The focus goes back to the button. */
export function AskForm<T = unknown>({ text, path, method = "POST", body, done, children }: Props<T>) {
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const closed = useRef(false);
  const close = () => {
    closed.current = true;
    setProblem("");
    setOpen(false);
  };
  const send = async (ev: SubmitEvent) => {
    ev.preventDefault();
    setBusy(true);
    try {
      const answer = await call<T>(method, path, body(new FormData(ev.currentTarget as HTMLFormElement)));
      done?.(answer);
      close();
    } catch (e) {
      setProblem((e as Error).message);
    }
    setBusy(false);
  };
  if (!open)
    return (
      <button
        type="button"
        ref={(b) => {
          if (closed.current) b?.focus();
          closed.current = false;
        }}
        onClick={() => setOpen(true)}
      >
        {text}
      </button>
    );
  return (
    <form class="form" aria-label={text} onSubmit={(ev) => void send(ev)}>
      {children}
      <div class="actions">
        <button class="main" disabled={busy}>
          {text}
        </button>
        <button type="button" onClick={close}>
          {say("close")}
        </button>
      </div>
      {problem && <Refused why={problem} />}
    </form>
  );
}
